import fc, { type RunDetails } from 'fast-check';
import { expect, test } from 'vitest';
import type { LiveView } from '../../src/aggregator/view.ts';
import type { ViewNotice } from '../../src/aggregator/view-notice.ts';
import { decidePoll } from '../../src/http/poll-decision.ts';
import {
  type Mirror,
  type MirrorBatch,
  type MirrorNode,
  nodeChanges,
} from '../../src/zookeeper/index.ts';
import { watermark } from '../../src/zookeeper/mirror-watermark.ts';
import { knownMoves } from '../support/known-moves.ts';
import {
  type ClientStep,
  ids,
  type MovesHistory,
  nodes,
  playMoves,
  services,
  type Step,
  type Variant,
  type WireStep,
  type WriteStep,
} from '../support/moves.ts';

const service = fc.constantFrom(...services);
const id = fc.constantFrom(...ids);
const node = fc.constantFrom(...nodes);
const replica = fc.nat({ max: 1 });
const client = fc.nat({ max: 7 });

const onTree = (weight: number, step: fc.Arbitrary<WriteStep>) => ({
  weight,
  arbitrary: step.map((each): Step => ({ on: 'tree', step: each })),
});
const onWire = (weight: number, kind: WireStep['kind'], max: number) => ({
  weight,
  arbitrary: fc
    .record({ kind: fc.constant(kind), replica, times: fc.integer({ min: 1, max }) })
    .map((each): Step => ({ on: 'wire', step: each })),
});
const onClient = (weight: number, step: fc.Arbitrary<ClientStep>) => ({
  weight,
  arbitrary: step.map((each): Step => ({ on: 'client', step: each })),
});
const one = <K extends string>(...kinds: readonly [K, ...K[]]) => fc.constantFrom<K>(...kinds);

const step: fc.Arbitrary<Step> = fc.oneof(
  onTree(6, fc.record({ kind: one('put'), service, node, id })),
  onTree(4, fc.record({ kind: one('remove'), service, node })),
  onTree(1, fc.record({ kind: one('override', 'clear'), service, id })),
  onTree(1, fc.record({ kind: one('raze'), service })),
  onWire(8, 'apply', 3),
  onWire(8, 'serve', 3),
  onWire(10, 'receive', 4),
  onWire(2, 'ping', 1),
  onWire(1, 'drop', 1),
  onWire(2, 'attach', 1),
  onWire(1, 'restart', 1),
  onWire(3, 'settle', 1),
  onClient(2, fc.record({ kind: one('time'), ms: fc.constantFrom(10, 50, 1_000, 10_000) })),
  onClient(8, fc.record({ kind: one('poll'), client, replica, lapsed: fc.boolean() })),
  onClient(6, fc.record({ kind: one('move'), client, replica })),
  onClient(1, fc.record({ kind: one('toggle'), client })),
);

const history: fc.Arbitrary<MovesHistory> = fc.record({
  steps: fc.array(step, { minLength: 30, maxLength: 160, size: 'max' }),
  eventsCarryZxids: fc.boolean(),
  coalesceMs: fc.constantFrom(0, 50),
  replayEvents: fc.constantFrom(5, 1_000),
  maxTombstones: fc.constantFrom(1, 100),
});

test('a client that moves between two replicas misses nothing, and what is repeated changes nothing', async () => {
  await fc.assert(
    fc.asyncProperty(history, each => playMoves(each, {})),
    {
      numRuns: 400,
      // To shrink a failure takes longer than a test may: what is said in time is the whole history.
      endOnFailure: true,
      // Said by the property, not by the test's own time limit, which knows no seed. One history takes a tenth of a second.
      timeout: 60_000,
      interruptAfterTimeLimit: 240_000,
      reporter: details => {
        if (details.failed) throw new Error(reportOf(details));
      },
    },
  );
}, 330_000);

test.each(knownMoves)('history %# that once went wrong goes right', each => playMoves(each, {}));

/** The reason and the seed first and last: of a long message either end may be cut. */
function reportOf(details: RunDetails<[MovesHistory]>): string {
  const { seed, numRuns, errorInstance, counterexample } = details;
  const reason = errorInstance instanceof Error ? errorInstance.message : String(errorInstance);
  const found = `history ${numRuns} of seed ${seed}: ${reason}`;
  const [history] = counterexample ?? [];
  if (history === undefined) return found;
  const { steps, ...settings } = history;
  const lines = steps.map(each => JSON.stringify(each));
  return [found, JSON.stringify(settings), ...lines, found].join('\n');
}

/** The newest zxid that a batch tells of. */
function newestIn(batch: MirrorBatch): bigint {
  const zxids = [...nodeChanges(batch.changes)].flatMap(({ node }) => [node.mzxid, node.pzxid]);
  return zxids.reduce((a, b) => (a > b ? a : b), 0n);
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

/** All else as it is: of a node that lies in an answer a spread would leave everything out. */
const asNode = (node: MirrorNode): MirrorNode =>
  Object.create(node, { deletions: { value: 0 } }) as MirrorNode;

function withoutDeletions(mirror: Mirror): Mirror {
  const onBatch: Mirror['onBatch'] = listener =>
    mirror.onBatch(batch =>
      listener({
        ...batch,
        changes: [...nodeChanges(batch.changes)].map(
          change =>
            Object.create(change, { node: { value: asNode(change.node) } }) as typeof change,
        ),
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
    fc.asyncProperty(history, each => playMoves(each, variant)),
    { seed, numRuns: 3_000, endOnFailure: true },
  );
  expect(details.failed).toBe(true);
  expect(details.errorInstance).toMatchObject({
    message: expect.stringMatching(/was told|was given|equal/),
  });
});
