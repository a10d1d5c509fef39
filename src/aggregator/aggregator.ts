import { randomUUID } from 'node:crypto';
import type { Registry } from 'prom-client';
import { type Clock, systemClock } from '../kernel/clock.ts';
import { errorText } from '../kernel/errors.ts';
import { type Logger, silentLogger } from '../kernel/log.ts';
import { type Random, systemRandom } from '../kernel/random.ts';
import { releasers } from '../kernel/releasers.ts';
import { turn } from '../kernel/turn.ts';
import {
  CONFLICT_AFTER_MS,
  layout,
  PROTECTION_DEFAULTS,
  type ProtectionSettings,
} from '../registry/index.ts';
import {
  type MirrorBatch,
  mirrorMetrics,
  type MirrorStrategy,
  openMirror,
  type Session,
  type ZnodePath,
} from '../zookeeper/index.ts';
import { causes, mayBeGone } from './causes.ts';
import { chronicle } from './chronicle.ts';
import { derivedReader } from './derived.ts';
import { explain } from './explain.ts';
import { type FeedSettings, openFeed } from './feed.ts';
import { historyFiles } from './history-files.ts';
import { historyRing } from './history.ts';
import type { DerivedSettings } from './master-duty.ts';
import { openMaster } from './master.ts';
import { memberDirectory } from './member-directory.ts';
import { openMembership } from './membership.ts';
import { type MetricsPage, metricsPage, processMetrics } from './metrics-page.ts';
import { aggregatorMetrics } from './metrics.ts';
import { overrideWrites } from './override-writes.ts';
import type { AggregatorPort } from './ports.ts';
import { providersText } from './providers-text.ts';
import { openView } from './view.ts';

export interface AggregatorOptions {
  /** Stays the caller's, who closes it after the aggregator. */
  readonly session: Session;
  /** Default `/rollcall`. */
  readonly root?: string;
  /** Of this replica among the members; another one for each process. Default: a new one. */
  readonly id?: string;
  /** `host:port` of our HTTP, for the other members. */
  readonly address: string;
  /** Of the product. */
  readonly version: string;
  /** Where metrics are registered; one aggregator a registry. */
  readonly registry: Registry;
  readonly clock?: Clock;
  readonly random?: Random;
  readonly newId?: () => string;
  readonly logger?: Logger;
  readonly protection?: Partial<ProtectionSettings>;
  /** Keeps the history over restarts; one directory a daemon. */
  readonly historyDir?: string | undefined;
  /** How many services get time series of their own. */
  readonly metricsServices?: number;
  /** See the mirror. */
  readonly auditEveryMs?: number;
  readonly strategy?: MirrorStrategy;
  readonly feed?: FeedSettings;
  readonly conflictAfterMs?: number;
  /** How the master writes what it derives. */
  readonly derived?: DerivedSettings;
}

export interface Aggregator extends AggregatorPort, AsyncDisposable {
  readonly metrics: MetricsPage;
  /** Ends the feed's subscriptions, resigns, leaves the members, and lets go of its watches. Idempotent; before the session's close. */
  close(): Promise<void>;
}

const MAX_TOMBSTONES = 1_000;
const MAX_GONE_SERVICES = 1_000;
const SLICE_MS = 8;

/**
 * Composes a whole replica on a session: the mirror, the view, the feed, the history, the member, the candidate for master.
 *
 * Resolves at once, whether or not ZooKeeper is there: `view.ready()` tells when there is a complete view.
 */
export async function openAggregator(options: AggregatorOptions): Promise<Aggregator> {
  const { session, registry, address, version } = options;
  const { clock = systemClock, random = systemRandom, newId = randomUUID } = options;
  const { logger = silentLogger, id = newId() } = options;
  const where = layout(options.root);
  const opened = releasers();
  const onError = (error: unknown): void =>
    logger.error({ error: errorText(error) }, 'a follower of the view failed');

  const metrics = aggregatorMetrics(registry, clock);
  if (registry.getSingleMetric('process_cpu_seconds_total') === undefined) processMetrics(registry);

  const files =
    options.historyDir === undefined
      ? undefined
      : await historyFiles({ dir: options.historyDir, logger });
  opened.push(() => files?.close());
  const history = historyRing(files === undefined ? {} : { loaded: files.loaded, store: files });

  const mirror = openMirror(session, {
    roots: [where.services, where.overrides, where.derived, where.members, where.election],
    strategy: options.strategy ?? 'auto',
    keepData: false,
    ...(options.auditEveryMs === undefined ? {} : { auditEveryMs: options.auditEveryMs }),
    clock,
    random,
    logger,
    metrics: mirrorMetrics(registry),
  });
  opened.push(() => mirror.close());

  const judge = causes(mayBeGone(mirror), () => mirror.state.kind !== 'live');
  const chronicler = chronicle(judge, history);
  const derived = derivedReader(where);
  const members = memberDirectory(where, id);

  const view = openView({
    where,
    mirror,
    lastZxid: () => session.lastZxid,
    clock,
    protection: { ...PROTECTION_DEFAULTS, ...options.protection },
    conflictAfterMs: options.conflictAfterMs ?? CONFLICT_AFTER_MS,
    maxTombstones: MAX_TOMBSTONES,
    maxGoneServices: MAX_GONE_SERVICES,
    sliceMs: SLICE_MS,
    onBegin(batch) {
      chronicler.apply(batch);
      if (isBelow(where.services, batch)) return undefined;
      const topics: ('derived' | 'members')[] = [];
      if (derived.apply(batch)) topics.push('derived');
      if (members.apply(batch)) topics.push('members');
      return topics;
    },
    publishDerived: derived.publish,
    judge: left => judge.judge(left).cause,
    onRejected: metrics.rejected,
    onError,
  });
  opened.push(() => view.close());
  view.onRestart(derived.restart);

  // The feed follows first: what is told must not wait for what is written down.
  const feed = openFeed({
    ...options.feed,
    view,
    clock,
    onReset: metrics.feedReset,
    onPropagated: metrics.propagated,
    onError,
  });
  view.onNotice(({ transitions }) => {
    for (const transition of transitions) chronicler.note(transition);
    master.note(transitions);
  });
  view.onState(({ kind }) => {
    logger.info({ state: kind }, 'the view changed its state');
    if (kind === 'live') inParts(judge.indexSome).catch(onError);
  });

  const shared = { session, where, id, clock, random, newId, logger };
  const membership = openMembership({ ...shared, address, version, view: view.state.kind });
  opened.push(() => membership.close());
  view.onState(({ kind }) => membership.report(kind));
  const master = openMaster({
    ...shared,
    view,
    derived: derived.snapshot,
    ...options.derived,
    onWrite: metrics.wrote,
  });
  opened.push(() => master.close());
  opened.push(() => feed.close());

  metrics.observe(() => {
    const { services } = view.services();
    return {
      state: view.state,
      watermark: view.watermark,
      services: services.length,
      suspects: services.reduce((sum, { counts }) => sum + counts.suspects, 0),
      subscribers: feed.subscribers,
      term: master.term,
    };
  });

  return {
    id,
    view,
    feed,
    history,
    explain: (service, provider) =>
      explain({
        service,
        id: provider,
        state: view.state,
        known: view.has(service),
        unreadable: view.unreadable(service),
        ...view.inspect(service, provider),
        history: history.query({ service, id: provider, limit: 50 }),
      }),
    aggregators: () => members.snapshot(view.state.kind),
    derived: derived.snapshot,
    ...overrideWrites({ session, where, view }),
    metrics: metricsPage(
      registry,
      providersText(() => view.services().services, options.metricsServices),
    ),
    close: opened.release,
    [Symbol.asyncDispose]: opened.release,
  };
}

/** A part in each turn of the event loop, as long as there is more. */
async function inParts(some: () => boolean): Promise<void> {
  while (some()) await turn();
}

/** Whether all that it tells of is: so it is of almost every batch. */
function isBelow(directory: ZnodePath, { changes }: MirrorBatch): boolean {
  return changes.every(change =>
    (change.kind === 'filled' ? change.path : change.node.parent).startsWith(directory),
  );
}
