import { isDeepStrictEqual } from 'node:util';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { hasCode } from '../../src/kernel/errors.ts';
import { faultProxy, type FaultProxy } from '../../src/testing/index.ts';
import type { Session } from '../../src/zookeeper/api.ts';
import type { MirrorOptions } from '../../src/zookeeper/mirror-api.ts';
import { openMirrorWith } from '../../src/zookeeper/mirror.ts';
import { watermark } from '../../src/zookeeper/mirror-watermark.ts';
import { openSession } from '../../src/zookeeper/session.ts';
import { eventually } from '../support/eventually.ts';
import {
  type Facsimile,
  mirrored,
  readDirectly,
  recordMirror,
  type Written,
} from '../support/mirror-record.ts';
import { testServers } from '../support/zookeeper.ts';

const ROOT = '/m';
const directories = ['a', 'b', 'c'].map(name => `${ROOT}/${name}`);
const leaves = directories.flatMap(directory =>
  ['1', '2', '3'].map(name => `${directory}/${name}`),
);
const below = leaves.slice(0, 3).map(leaf => `${leaf}/x`);

type Step =
  | { readonly kind: 'create'; readonly path: string; readonly ephemeral: boolean }
  | { readonly kind: 'set' | 'remove' | 'recreate'; readonly path: string }
  /** Wait for the writes so far. */
  | { readonly kind: 'settle' }
  /** Wait for the first complete copy. */
  | { readonly kind: 'ready' }
  | { readonly kind: 'drop' }
  /** The mirror's connection is away until the next `heal`, or the end. */
  | { readonly kind: 'cut' | 'heal' }
  /** The connection breaks in the middle of an answer. */
  | { readonly kind: 'half'; readonly bytes: number };

const path = fc.constantFrom(...directories, ...leaves, ...leaves, ...below);
const write: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ kind: fc.constant('create' as const), path, ephemeral: fc.boolean() }),
  fc.record({
    kind: fc.constantFrom('set' as const, 'remove' as const, 'recreate' as const),
    path,
  }),
);
const fault: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ kind: fc.constantFrom('drop' as const, 'cut' as const, 'heal' as const) }),
  fc.record({ kind: fc.constant('half' as const), bytes: fc.integer({ min: 1, max: 600 }) }),
);
const step = fc.oneof(
  { weight: 24, arbitrary: write },
  { weight: 4, arbitrary: fc.constant<Step>({ kind: 'settle' }) },
  { weight: 2, arbitrary: fault },
);
const history = fc.array(step, { minLength: 10, maxLength: 80, size: 'max' });

/** Writes without waiting for answers, so that changes come in bursts, and notes the zxid of each that was done. */
function scribe(session: Session): {
  play(step: Step): void;
  readonly done: Promise<unknown>;
  readonly writes: readonly Written[];
} {
  const writes: Written[] = [];
  let done: Promise<unknown> = Promise.resolve();
  const put = (at: string, zxid: bigint): void => void writes.push({ path: at, zxid, kind: 'put' });
  const create = async (at: string, mode: 'ephemeral' | 'persistent'): Promise<void> => {
    const { stat } = await session.create(at, Buffer.from(`made ${at}`), { mode });
    put(at, stat.czxid);
  };
  const remove = async (at: string): Promise<void> => {
    await session.remove(at, -1);
    writes.push({ path: at, zxid: session.lastZxid, kind: 'removed' });
  };
  const set = async (at: string): Promise<void> =>
    put(at, (await session.setData(at, Buffer.from(`set ${writes.length}`), -1)).mzxid);
  const refusal = (error: unknown): void => {
    if (!hasCode(error, 'NO_NODE', 'NODE_EXISTS', 'NOT_EMPTY', 'NO_CHILDREN_FOR_EPHEMERALS'))
      throw error;
  };
  const add = (work: Promise<void>): void => {
    done = Promise.all([done, work.catch(refusal)]);
  };
  return {
    writes,
    get done() {
      return done;
    },
    play(one) {
      if (one.kind === 'create') add(create(one.path, one.ephemeral ? 'ephemeral' : 'persistent'));
      else if (one.kind === 'set') add(set(one.path));
      else if (one.kind === 'remove') add(remove(one.path));
      else if (one.kind === 'recreate') {
        add(remove(one.path));
        add(create(one.path, 'persistent'));
      }
    },
  };
}

async function disturb(proxy: FaultProxy, one: Step): Promise<void> {
  if (one.kind === 'drop') proxy.dropConnections();
  else if (one.kind === 'cut') await proxy.cut();
  else if (one.kind === 'heal') await proxy.heal();
  else if (one.kind === 'half') void proxy.halfSend(one.bytes);
}

interface Findings {
  readonly faults: readonly string[];
  readonly falseClaims: readonly string[];
  /** Where the mirror, or what its batches say, is not the tree as another session reads it, when W says that it has seen all. */
  readonly unlike: readonly string[];
}

const unlike = (copy: Facsimile, truth: Facsimile): readonly string[] =>
  [...new Set([...copy.keys(), ...truth.keys()])].filter(
    each => !isDeepStrictEqual(copy.get(each), truth.get(each)),
  );

/** Plays one history, and compares at its end. */
async function play(
  strategy: NonNullable<MirrorOptions['strategy']>,
  steps: readonly Step[],
  makeWatermark: typeof watermark = watermark,
): Promise<Findings> {
  const servers = await testServers();
  const [target = '', chroot = ''] = servers.split(/(?=\/)/);
  await using proxy = await faultProxy({ target });
  await using writer = await openSession({ servers });
  await using reader = await openSession({ servers: `${proxy.address}${chroot}`, random: () => 0 });
  for (const directory of directories) await writer.ensurePath(directory);
  await using mirror = openMirrorWith(
    reader,
    // A few paths a request: a re-read is many of them, and breaks off in the middle.
    { roots: [ROOT], strategy, auditEveryMs: 0, batchBytes: 700 },
    makeWatermark,
  );
  const record = recordMirror(mirror, reader);
  const scribed = scribe(writer);
  for (const one of steps) {
    if (one.kind === 'settle') await scribed.done;
    else if (one.kind === 'ready') await mirror.ready();
    else if ('path' in one) scribed.play(one);
    else await disturb(proxy, one);
  }
  await scribed.done;
  await proxy.heal();
  // Quiet: nothing is written any more, and W has passed the last write.
  await reader.sync('/');
  await eventually(
    () => {
      expect(mirror.state.kind).toBe('live');
      expect(mirror.pendingMark(ROOT)).toBeUndefined();
      expect(mirror.watermark).toBeGreaterThanOrEqual(writer.lastZxid);
    },
    { timeout: 15_000, interval: 5 },
  );
  const truth = await readDirectly(writer, ROOT);
  const found = [...unlike(mirrored(mirror, ROOT), truth), ...unlike(record.replayed, truth)];
  if (mirror.size !== truth.size) found.push(`${mirror.size} nodes for ${truth.size}`);
  record.sample();
  return {
    faults: record.faults,
    falseClaims: record.falseClaims(scribed.writes),
    unlike: found,
  };
}

/** W claimed what had not been delivered, at some moment or at the end. */
const isCaught = ({ falseClaims, unlike: missed }: Findings): boolean =>
  falseClaims.length > 0 || missed.length > 0;

const strategies = ['persistent-recursive', 'child-lists'] as const;
const clean: Findings = { faults: [], falseClaims: [], unlike: [] };

describe.each(strategies)('%s', strategy => {
  test('after any history of writes and broken connections the mirror is the tree, and W never claimed too much', async () => {
    await fc.assert(
      fc.asyncProperty(history, async steps => {
        expect(await play(strategy, steps)).toEqual(clean);
      }),
      { numRuns: 40, endOnFailure: true },
    );
  }, 120_000);

  test('a W that does not wait for what is still to be read is caught', async () => {
    const made = leaves.map(leaf => ({ kind: 'create', path: leaf, ephemeral: true }) as const);
    const steps: readonly Step[] = [{ kind: 'ready' }, ...made, { kind: 'settle' }];
    expect(await play(strategy, steps)).toEqual(clean);
    const hasty: typeof watermark = parts => ({
      ...watermark(parts),
      add: () => undefined,
      remove: () => undefined,
    });
    expect(isCaught(await play(strategy, steps, hasty))).toBe(true);
  });
});

// One-shot watches are told what they missed before anything else is answered: there this W would not be wrong.
test('with a persistent watch, a W that moves on before the re-read is complete is caught', async () => {
  const sets = leaves.map(leaf => ({ kind: 'set', path: leaf }) as const);
  const made = leaves.map(leaf => ({ kind: 'create', path: leaf, ephemeral: false }) as const);
  const steps: readonly Step[] = [
    ...made,
    { kind: 'settle' },
    { kind: 'ready' },
    { kind: 'cut' },
    ...sets,
    { kind: 'settle' },
    { kind: 'heal' },
  ];
  expect(await play('persistent-recursive', steps)).toEqual(clean);
  const early: typeof watermark = parts => ({ ...watermark(parts), freeze: () => undefined });
  // It is wrong for the time of the re-read only: a quick one may be over before anybody looks at W.
  let wasCaught = false;
  for (let tries = 0; tries < 40 && !wasCaught; tries += 1)
    wasCaught = isCaught(await play('persistent-recursive', steps, early));
  expect(wasCaught).toBe(true);
});
