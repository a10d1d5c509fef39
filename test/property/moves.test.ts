import { setImmediate as nextTurn } from 'node:timers/promises';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { openFeed, type FeedSettings, type OpenFeed } from '../../src/aggregator/feed.ts';
import type { View } from '../../src/aggregator/ports.ts';
import { type LiveView, openView } from '../../src/aggregator/view.ts';
import type { ViewNotice } from '../../src/aggregator/view-notice.ts';
import { decidePoll } from '../../src/http/poll-decision.ts';
import { layout, PROTECTION_DEFAULTS } from '../../src/registry/index.ts';
import { type ManualClock, manualClock } from '../../src/testing/index.ts';
import type { Mirror, MirrorBatch, MirrorNode } from '../../src/zookeeper/index.ts';
import { openMirrorWith } from '../../src/zookeeper/mirror.ts';
import { watermark } from '../../src/zookeeper/mirror-watermark.ts';
import { modelTruth } from '../support/model-truth.ts';
import {
  type ModelSession,
  modelSession,
  modelZooKeeper,
  type ModelZooKeeper,
} from '../support/model-zookeeper.ts';
import { type Decide, pollClient, streamClient } from '../support/moving-clients.ts';

/**
 * Two replicas behind one client: each has the real mirror, view and feed, on a model of its own connection to its own server, which
 * applies the one history in its own time. Clients poll and stream, and move between them. Whatever happens, somebody who was told
 * N has every change ≤ N, and in the end everybody has the truth.
 */
const where = layout();
const services = ['s', 't'];
const ids = ['x', 'y'];
const nodes = ['n0', 'n1', 'n2'];

type Step =
  | { readonly kind: 'put'; readonly service: string; readonly node: string; readonly id: string }
  | { readonly kind: 'remove'; readonly service: string; readonly node: string }
  | { readonly kind: 'override' | 'clear'; readonly service: string; readonly id: string }
  | { readonly kind: 'raze'; readonly service: string }
  | {
      readonly kind:
        | 'apply'
        | 'serve'
        | 'receive'
        | 'ping'
        | 'drop'
        | 'attach'
        | 'restart'
        | 'settle';
      readonly replica: number;
      readonly times: number;
    }
  | { readonly kind: 'time'; readonly ms: number }
  | {
      readonly kind: 'poll';
      readonly client: number;
      readonly replica: number;
      readonly lapsed: boolean;
    }
  | { readonly kind: 'move'; readonly client: number; readonly replica: number }
  | { readonly kind: 'toggle'; readonly client: number };

const service = fc.constantFrom(...services);
const replica = fc.nat({ max: 1 });
const client = fc.nat({ max: 7 });
const onReplica = (
  kind: Extract<Step, { readonly times: number }>['kind'],
  max: number,
): fc.Arbitrary<Step> =>
  fc.record({ kind: fc.constant(kind), replica, times: fc.integer({ min: 1, max }) });

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant('put' as const),
      service,
      node: fc.constantFrom(...nodes),
      id: fc.constantFrom(...ids),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant('remove' as const),
      service,
      node: fc.constantFrom(...nodes),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constantFrom('override' as const, 'clear' as const),
      service,
      id: fc.constantFrom(...ids),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('raze' as const), service }) },
  { weight: 8, arbitrary: onReplica('apply', 3) },
  { weight: 8, arbitrary: onReplica('serve', 3) },
  { weight: 10, arbitrary: onReplica('receive', 4) },
  { weight: 2, arbitrary: onReplica('ping', 1) },
  { weight: 1, arbitrary: onReplica('drop', 1) },
  { weight: 2, arbitrary: onReplica('attach', 1) },
  { weight: 1, arbitrary: onReplica('restart', 1) },
  { weight: 3, arbitrary: onReplica('settle', 1) },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('time' as const),
      ms: fc.constantFrom(10, 50, 1_000, 10_000),
    }),
  },
  {
    weight: 8,
    arbitrary: fc.record({
      kind: fc.constant('poll' as const),
      client,
      replica,
      lapsed: fc.boolean(),
    }),
  },
  { weight: 6, arbitrary: fc.record({ kind: fc.constant('move' as const), client, replica }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('toggle' as const), client }) },
);

const history = fc.record({
  steps: fc.array(step, { minLength: 30, maxLength: 160, size: 'max' }),
  eventsCarryZxids: fc.boolean(),
  coalesceMs: fc.constantFrom(0, 50),
  replayEvents: fc.constantFrom(5, 1_000),
  maxTombstones: fc.constantFrom(1, 100),
});
type History = typeof history extends fc.Arbitrary<infer H> ? H : never;

/** What a naive build would do otherwise. */
interface Variant {
  readonly makeWatermark?: typeof watermark;
  readonly mirror?: (mirror: Mirror) => Mirror;
  readonly decide?: Decide;
  readonly resumeFrom?: (id: bigint, view: View) => bigint;
  readonly floor?: bigint;
  readonly viewOfFeed?: (view: LiveView) => LiveView;
}

interface Replica {
  readonly wire: ModelSession;
  readonly view: LiveView;
  readonly feed: OpenFeed;
  close(): Promise<void>;
}

function openReplica(
  zookeeper: ModelZooKeeper,
  clock: ManualClock,
  history: History,
  variant: Variant,
  applied: number,
): Replica {
  const { eventsCarryZxids, maxTombstones } = history;
  const wire = modelSession(zookeeper, { eventsCarryZxids, applied });
  const settings = {
    roots: [where.services, where.overrides],
    auditEveryMs: 0,
    keepData: false,
    clock,
  };
  const mirror = openMirrorWith(wire.session, settings, variant.makeWatermark ?? watermark);
  const onError = (error: unknown): void => {
    throw error;
  };
  const view = openView({
    where,
    mirror: variant.mirror?.(mirror) ?? mirror,
    lastZxid: () => variant.floor ?? wire.session.lastZxid,
    clock,
    protection: { ...PROTECTION_DEFAULTS, enabled: false },
    conflictAfterMs: 60_000,
    maxTombstones,
    maxGoneServices: 1,
    sliceMs: 8,
    onBegin: () => undefined,
    judge: () => 'vanished',
    onRejected: () => undefined,
    onError,
  });
  const settingsOfFeed: FeedSettings = {
    coalesceMs: history.coalesceMs,
    replayEvents: history.replayEvents,
  };
  const feed = openFeed({
    ...settingsOfFeed,
    view: variant.viewOfFeed?.(view) ?? view,
    clock,
    onReset: () => undefined,
    onPropagated: () => undefined,
    onError,
  });
  wire.attach();
  return {
    wire,
    view,
    feed,
    async close() {
      feed.close();
      view.close();
      await mirror.close();
    },
  };
}

/** Lets promises and the next turns run. */
async function flush(): Promise<void> {
  for (let turn = 0; turn < 3; turn += 1) await nextTurn();
}

/** Until its server has nothing more to tell, nor it to ask. */
async function exhaust(one: Replica): Promise<void> {
  one.wire.attach();
  for (let quiet = 0; quiet < 3; quiet += 1) {
    while (one.wire.apply() || one.wire.serve() || one.wire.receive()) {
      quiet = 0;
      await flush();
    }
    await flush();
  }
  one.wire.ping();
  one.wire.serve();
  one.wire.receive();
  await flush();
}

async function play(history: History, variant: Variant): Promise<void> {
  const zookeeper = modelZooKeeper();
  const clock = manualClock();
  const truth = modelTruth(zookeeper, services, ids);
  const decide = variant.decide ?? decidePoll;
  for (const path of [where.services, where.overrides]) zookeeper.put(path, '');
  const replicas: Replica[] = [0, 1].map(() => openReplica(zookeeper, clock, history, variant, 2));
  const at = (index: number): Replica => {
    const found = replicas[index];
    if (found === undefined) throw new Error('no such replica');
    return found;
  };
  const polls = [
    ...services.flatMap(each =>
      [true, false].map(conditional => pollClient({ service: each, conditional, decide, truth })),
    ),
    pollClient({ service: undefined, conditional: true, decide, truth }),
    pollClient({ service: undefined, conditional: false, decide, truth }),
  ];
  const { resumeFrom } = variant;
  const streams = [undefined, undefined, ['s'], ['t']].map(of =>
    streamClient({
      services: of,
      all: services,
      truth,
      ...(resumeFrom === undefined ? {} : { resumeFrom }),
    }),
  );
  let serial = 0;

  const write = (one: Step): void => {
    serial += 1;
    switch (one.kind) {
      case 'put': {
        const path = `${where.providers(one.service)}/${one.node}`;
        // A name stays with its id, as sequential names do.
        const last = zookeeper.writes.findLast(each => each.path === path && each.data)?.data;
        const id = last === undefined ? one.id : (JSON.parse(last) as { readonly id: string }).id;
        return zookeeper.put(
          path,
          JSON.stringify({ v: 1, id, service: one.service, address: 'a', port: serial }),
        );
      }
      case 'remove':
        return zookeeper.remove(`${where.providers(one.service)}/${one.node}`);
      case 'override':
        return zookeeper.put(
          where.override(one.service, one.id),
          JSON.stringify({ by: String(serial) }),
        );
      case 'clear':
        return zookeeper.remove(where.override(one.service, one.id));
      case 'raze':
        return zookeeper.remove(where.service(one.service));
      default:
        return undefined;
    }
  };

  const onWire = async (index: number, kind: Step['kind'], times: number): Promise<void> => {
    const one = at(index);
    for (let time = 0; time < times; time += 1) {
      if (kind === 'apply') one.wire.apply();
      if (kind === 'serve') one.wire.serve();
      if (kind === 'receive') {
        one.wire.receive();
        await flush();
      }
      if (kind === 'ping') one.wire.ping();
      if (kind === 'drop') one.wire.drop();
      if (kind === 'attach') one.wire.attach();
      if (kind === 'settle') await exhaust(one);
    }
    if (kind !== 'restart') return;
    await one.close();
    replicas[index] = openReplica(zookeeper, clock, history, variant, zookeeper.writes.length);
  };

  const carryOut = async (one: Step): Promise<void> => {
    switch (one.kind) {
      case 'time':
        return clock.advance(one.ms);
      case 'poll':
        polls[one.client % polls.length]?.ask(at(one.replica).view, one.lapsed);
        return undefined;
      case 'move':
        return streams[one.client % streams.length]?.move(
          at(one.replica).feed,
          at(one.replica).view,
        );
      case 'toggle':
        return streams[one.client % streams.length]?.toggle();
      case 'apply':
      case 'serve':
      case 'receive':
      case 'ping':
      case 'drop':
      case 'attach':
      case 'restart':
      case 'settle':
        return onWire(one.replica, one.kind, one.times);
      default:
        return write(one);
    }
  };

  const finish = async (): Promise<void> => {
    for (const one of replicas) await exhaust(one);
    for (const stream of streams) stream.takeAll();
    await clock.advance(2_000);
    await flush();
    const end = zookeeper.zxid;
    for (const one of replicas) {
      expect(one.view.state.kind).toBe('live');
      expect(one.view.watermark).toBe(end);
      for (const poll of polls) {
        while (poll.ask(one.view, false));
        poll.check(end);
      }
      for (const stream of streams) if (stream.isSubscribed) stream.check(end);
      for (const stream of streams) stream.move(one.feed, one.view);
      await clock.advance(2_000);
      await flush();
      for (const stream of streams) stream.check(end);
    }
    expect(replicas.map(({ view }) => services.map(each => view.service(each).index))).toEqual(
      replicas.map(() => services.map(each => at(0).view.service(each).index)),
    );
  };

  try {
    for (const one of history.steps) {
      await carryOut(one);
      await flush();
      for (const stream of streams) stream.check();
    }
    await finish();
  } finally {
    for (const stream of streams) stream.close();
    for (const one of replicas) await one.close();
  }
}

test('a client that moves between two replicas misses nothing, and what is repeated changes nothing', async () => {
  await fc.assert(
    fc.asyncProperty(history, each => play(each, {})),
    { numRuns: 400 },
  );
});

/** The newest zxid that a batch tells of. */
function newestIn(batch: MirrorBatch): bigint {
  return batch.changes.reduce((newest, change) => {
    const { mzxid, pzxid } = change.node;
    return [mzxid, pzxid].reduce((a, b) => (a > b ? a : b), newest);
  }, 0n);
}

function withNewestAsWatermark(mirror: Mirror): Mirror {
  let newest = 0n;
  mirror.onBatch(batch => {
    const own = newestIn(batch);
    if (own > newest) newest = own;
  });
  return Object.create(mirror, {
    watermark: { get: () => (mirror.watermark > newest ? mirror.watermark : newest) },
  }) as Mirror;
}

const asNode = (node: MirrorNode): MirrorNode => ({ ...node, deletions: 0 });

function withoutDeletions(mirror: Mirror): Mirror {
  const onBatch: Mirror['onBatch'] = listener =>
    mirror.onBatch(batch =>
      listener({
        ...batch,
        changes: batch.changes.map(change => ({ ...change, node: asNode(change.node) })),
      }),
    );
  return Object.create(mirror, { onBatch: { value: onBatch } }) as Mirror;
}

function withNotices(view: LiveView, change: Partial<ViewNotice>): LiveView {
  const onNotice: LiveView['onNotice'] = listener =>
    view.onNotice(notice => listener({ ...notice, ...change }));
  return Object.create(view, { onNotice: { value: onNotice } }) as LiveView;
}

const naive: readonly (Variant & { readonly what: string; readonly seed: number })[] = [
  { what: 'stream ids taken from the node that was read', seed: 1, mirror: withNewestAsWatermark },
  {
    what: 'indexes taken from the node that was read, not held back by what is pending',
    seed: 1,
    mirror: mirror => Object.create(mirror, { pendingMark: { value: () => undefined } }) as Mirror,
  },
  {
    what: 'a watermark that moves on before the re-read is complete',
    seed: 1,
    makeWatermark: parts => ({ ...watermark(parts), freeze: () => undefined }),
  },
  {
    what: 'polls that are not held by a replica that lags',
    seed: 1,
    decide: facts => {
      const { requested, published } = facts;
      const isOlder = requested !== undefined && published < requested;
      return isOlder ? 'answer' : decidePoll(facts);
    },
  },
  {
    what: 'streams that are not held by a replica that lags',
    seed: 2,
    resumeFrom: (id, view) => (id < view.watermark ? id : view.watermark),
  },
  {
    what: 'stream ids that do not wait for what is being coalesced',
    seed: 1,
    viewOfFeed: view => withNotices(view, { watermarkBefore: 2n ** 62n }),
  },
  { what: 'a new replica that claims to know who left before it began', seed: 1, floor: 0n },
  {
    what: 'nodes that came and went unseen, and are not noticed',
    seed: 1,
    mirror: withoutDeletions,
  },
  {
    what: 'nodes that came and went unseen, and are kept from who came from another replica',
    seed: 1,
    viewOfFeed: view => withNotices(view, { unseen: new Set() }),
  },
];

test.each(naive)('the histories catch $what', async ({ seed, ...variant }) => {
  const details = await fc.check(
    fc.asyncProperty(history, each => play(each, variant)),
    { seed, numRuns: 3_000, endOnFailure: true },
  );
  expect(details.failed).toBe(true);
  expect(details.errorInstance).toMatchObject({
    message: expect.stringMatching(/was told|was given|equal/),
  });
});
