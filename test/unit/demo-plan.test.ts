import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  DEMO_CONSUMERS,
  DEMO_PROVIDERS,
  type DemoMove,
  type DemoState,
  nextDemo,
  startOfDemo,
} from '../../src/daemon/demo-plan.ts';
import { makeConsumer, makeProvider, RECORD_VERSION } from '../../src/registry/index.ts';
import { seededRandom } from '../support/seeded-random.ts';

function play(seed: number, rounds: number) {
  const random = seededRandom(seed);
  const moves: DemoMove[] = [];
  const states: DemoState[] = [startOfDemo()];
  for (let round = 0; round < rounds; round += 1) {
    const { move, next } = nextDemo(states.at(-1) ?? new Map(), random);
    if (move !== undefined) moves.push(move);
    states.push(next);
  }
  return { moves, states };
}

const services = new Set(DEMO_PROVIDERS.map(({ service }) => service));

test('every demo record is a legal one, no two have an id in common', () => {
  for (const each of DEMO_PROVIDERS) makeProvider({ v: RECORD_VERSION, ...each });
  for (const each of DEMO_CONSUMERS) makeConsumer({ v: RECORD_VERSION, ...each });
  expect(new Set(DEMO_PROVIDERS.map(({ id }) => id)).size).toBe(DEMO_PROVIDERS.length);
  expect(services.size).toBeGreaterThanOrEqual(3);
  for (const { service } of DEMO_CONSUMERS) expect(services).toContain(service);
});

test('the same chance plays the same demo', () => {
  expect(play(7, 200).moves).toEqual(play(7, 200).moves);
  expect(play(8, 200).moves).not.toEqual(play(7, 200).moves);
});

test('providers come, go, drain, return and change', () => {
  const kinds = new Set(play(1, 200).moves.map(({ kind }) => kind));
  expect(kinds).toEqual(new Set(['come', 'go', 'drain', 'return', 'change']));
});

test('whoever drains returns, and no service is ever left without anybody', () => {
  fc.assert(
    fc.property(fc.integer(), seed => {
      const { moves, states } = play(seed, 100);
      for (const state of states) {
        expect(state.size).toBe(DEMO_PROVIDERS.length);
        const up = DEMO_PROVIDERS.filter(({ id }) => state.get(id)?.kind === 'up');
        expect(new Set(up.map(({ service }) => service))).toEqual(services);
      }
      for (const [at, { kind, provider, weight }] of moves.entries()) {
        expect(weight).toBeGreaterThan(0);
        const later = moves.slice(at + 1).find(each => each.provider === provider);
        if (kind === 'drain') expect(later?.kind ?? 'return').toBe('return');
        if (kind === 'go') expect(later?.kind ?? 'come').toBe('come');
      }
    }),
  );
});
