import { onTestFinished } from 'vitest';
import { type FeedSettings, openFeed, type OpenFeed } from '../../src/aggregator/feed.ts';
import type {
  FeedBatch,
  FeedOptions,
  FeedSubscription,
  LeaveCause,
} from '../../src/aggregator/ports.ts';
import { type LiveView, openView, type ViewOptions } from '../../src/aggregator/view.ts';
import type { ViewNotice } from '../../src/aggregator/view-notice.ts';
import { layout, PROTECTION_DEFAULTS, type RejectReason } from '../../src/registry/index.ts';
import { type ManualClock, manualClock } from '../../src/testing/index.ts';
import type { MirrorNode } from '../../src/zookeeper/index.ts';
import { type ScriptedMirror, scriptedMirror } from './scripted-mirror.ts';

export const where = layout();

/** A view on a scripted mirror, with a clock that stands still. */
export interface ScriptedView {
  readonly mirror: ScriptedMirror;
  readonly clock: ManualClock;
  readonly view: LiveView;
  readonly notices: readonly ViewNotice[];
  readonly rejected: readonly RejectReason[];
  /** Writes a provider's node, named after its id unless `node` says otherwise. */
  provider(service: string, id: string, zxid: bigint, more?: ProviderMore): void;
  gone(service: string, node: string, zxid: bigint): void;
  /** Everything delivered, W at `watermark`, the view live. */
  live(watermark: bigint): void;
  feed(settings?: FeedSettings, onError?: (error: unknown) => void): OpenFeed;
}

export interface ProviderMore extends Partial<MirrorNode> {
  readonly node?: string;
  readonly record?: Readonly<Record<string, unknown>>;
  readonly raw?: string;
}

const fail = (error: unknown): void => {
  throw error;
};

/** What a `judge` of nothing but these tests says. */
const CAUSE: LeaveCause = 'crashed-or-expired';

export function scriptedView(options: Partial<ViewOptions> = {}): ScriptedView {
  const mirror = scriptedMirror();
  const clock = manualClock();
  const notices: ViewNotice[] = [];
  const rejected: RejectReason[] = [];
  const view = openView({
    where,
    mirror,
    clock,
    lastZxid: () => mirror.watermark,
    protection: PROTECTION_DEFAULTS,
    conflictAfterMs: 60_000,
    maxTombstones: 100,
    maxGoneServices: 100,
    sliceMs: 8,
    onBegin: () => undefined,
    publishDerived: () => false,
    judge: ({ how, drained }) => {
      if (how === 'renamed') return 'replaced';
      if (how !== 'gone') return how;
      return drained ? 'deregistered' : CAUSE;
    },
    onRejected: reason => rejected.push(reason),
    onError(error) {
      throw error;
    },
    ...options,
  });
  view.onNotice(notice => notices.push(notice));
  onTestFinished(() => view.close());

  return {
    mirror,
    clock,
    view,
    notices,
    rejected,
    provider(service, id, zxid, { node = id, record = {}, raw, ...stat } = {}) {
      const json = { v: 1, id, service, address: '10.0.0.1', port: 80, ...record };
      const owner = { ephemeralOwner: BigInt(node.length) + 100n, ...stat };
      mirror.put(`${where.providers(service)}/${node}`, raw ?? JSON.stringify(json), {
        zxid,
        ...owner,
      });
    },
    gone: (service, node, zxid) => mirror.remove(`${where.providers(service)}/${node}`, zxid),
    live(watermark) {
      mirror.deliver({ watermark });
      mirror.become({ kind: 'live' });
    },
    feed(settings = {}, onError = fail) {
      const feed = openFeed({
        ...settings,
        view,
        clock,
        onReset: () => undefined,
        onPropagated: () => undefined,
        onError,
      });
      onTestFinished(() => feed.close());
      return feed;
    },
  };
}

/** A subscriber that keeps what it was told. */
export interface Told {
  readonly batches: FeedBatch[];
  readonly subscription: FeedSubscription;
  readonly ends: ('slow' | 'shutdown')[];
  /** What its list of a service is by now, ids sorted. */
  ids(service: string): readonly string[];
  /** Of the last batch. */
  readonly id: bigint | undefined;
  /** Types of the events, snapshots and deltas alike, since the last call. */
  news(): string[];
  takes: boolean;
}

export function listen(feed: OpenFeed, options: Omit<FeedOptions, 'onBatch' | 'onEnd'> = {}): Told {
  const batches: FeedBatch[] = [];
  const ends: ('slow' | 'shutdown')[] = [];
  const lists = new Map<string, Set<string>>();
  const listOf = (service: string): Set<string> => {
    const known = lists.get(service) ?? new Set<string>();
    lists.set(service, known);
    return known;
  };
  let newsAt = 0;
  const told: Told = {
    batches,
    ends,
    takes: true,
    subscription: feed.subscribe({
      ...options,
      onBatch(batch) {
        batches.push(batch);
        for (const event of batch.events) {
          if (event.type === 'reset') lists.clear();
          if (event.type === 'snapshot')
            lists.set(event.service, new Set(event.providers.map(({ id }) => id)));
          if (event.type === 'joined' || event.type === 'changed')
            listOf(event.service).add(event.provider.id);
          if (event.type === 'left') listOf(event.service).delete(event.id);
        }
        return told.takes;
      },
      onEnd: reason => ends.push(reason),
    }),
    ids: service => [...listOf(service)].sort(),
    get id() {
      return batches.at(-1)?.id;
    },
    news() {
      const news = batches.slice(newsAt).flatMap(({ events }) => events.map(nameOf));
      newsAt = batches.length;
      return news;
    },
  };
  onTestFinished(() => told.subscription.close());
  return told;
}

function nameOf(event: FeedBatch['events'][number]): string {
  switch (event.type) {
    case 'joined':
    case 'changed':
      return `${event.type} ${event.provider.id}`;
    case 'left':
      return `left ${event.id} ${event.cause}`;
    case 'suspects':
      return `suspects ${event.service} ${event.suspects.map(({ id }) => id).join(',')}`;
    case 'snapshot':
      return `snapshot ${event.service} ${event.providers.map(({ id }) => id).join(',')}`;
    case 'reset':
      return `reset ${event.reason}`;
    case 'state':
      return `state ${event.state.kind}`;
    default:
      return event satisfies never;
  }
}
