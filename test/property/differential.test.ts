import fc from 'fast-check';
import { afterAll, beforeAll, expect } from 'vitest';
import {
  type EmbeddedServer,
  startEmbedded,
  startZooKeeper,
  type ZooKeeper,
} from '../../src/testing/index.ts';
import { moves } from '../support/differential-moves.ts';
import { play } from '../support/differential.ts';
import { realOnly } from '../support/own-zookeeper.ts';
import { onEmbedded } from '../support/which-server.ts';

let embedded: EmbeddedServer;
let zookeeper: ZooKeeper;
let cases = 0;

beforeAll(async () => {
  if (onEmbedded) return;
  [embedded, zookeeper] = await Promise.all([
    startEmbedded({ reapEveryMs: 3_600_000 }),
    startZooKeeper(),
  ]);
});

afterAll(async () => {
  await Promise.all([embedded?.close(), zookeeper?.close()]);
});

realOnly('it compares with a real one')(
  'whatever several clients do, the embedded server answers, tells and keeps what a real one does',
  async () => {
    await fc.assert(
      fc.asyncProperty(moves, async all => {
        cases += 1;
        const root = `/case-${cases}`;
        const [ours, theirs] = await Promise.all([
          play(embedded.connectString, root, all),
          play(zookeeper.connectString, root, all),
        ]);
        expect(ours).toEqual(theirs);
      }),
      { numRuns: Number(process.env['ROLLCALL_RUNS'] ?? 150), endOnFailure: false },
    );
  },
);
