import { expect, test } from 'vitest';
import {
  deriveHealth,
  deriveOverview,
  deriveService,
  MAX_LABELS,
  REST_LABEL,
  tally,
} from '../../src/aggregator/derive/summary.ts';
import { counts, listed } from '../support/derived-facts.ts';

test.each([
  [{ usable: 0, total: 0, suspects: 0 }, 'down'],
  [{ usable: 0, total: 3, suspects: 0 }, 'down'],
  [{ usable: 0, total: 0, suspects: 8 }, 'down'],
  [{ usable: 2, total: 3, suspects: 0 }, 'degraded'],
  [{ usable: 3, total: 3, suspects: 1 }, 'degraded'],
  [{ usable: 3, total: 3, suspects: 0 }, 'healthy'],
] as const)('the health of %o is %s', (facts, health) => {
  expect(deriveHealth(facts)).toBe(health);
});

test('a service is summed up by status, zone and version', () => {
  const snapshot = {
    name: 'orders',
    counts: counts({ total: 3, up: 2, draining: 1 }),
    providers: [
      listed('a', { zone: 'eu-1a', version: '1.0' }),
      listed('b', { zone: 'eu-1a', version: '1.1' }),
      listed('c', { status: 'draining', version: '1.1' }),
    ],
    suspects: [],
    lastChange: undefined,
  };
  expect(deriveService(snapshot, 4, undefined)).toEqual({
    name: 'orders',
    health: 'degraded',
    counts: snapshot.counts,
    zones: { 'eu-1a': 2, '': 1 },
    versions: { '1.0': 1, '1.1': 2 },
    flaps: 4,
    lastChange: undefined,
  });
});

test('a service whose providers all fail their active check is down although they call themselves up', () => {
  const providers = [listed('a', { healthy: false }), listed('b', { healthy: false })];
  const snapshot = {
    name: 'orders',
    counts: counts(),
    providers,
    suspects: [],
    lastChange: undefined,
  };
  expect(deriveService(snapshot, 0, undefined).health).toBe('down');
  expect(
    deriveService({ ...snapshot, providers: [...providers, listed('c')] }, 0, undefined).health,
  ).toBe('degraded');
});

test('a new master keeps the last change that the old one wrote until it has seen one itself', () => {
  const snapshot = {
    name: 'orders',
    counts: counts(),
    providers: [],
    suspects: [],
    lastChange: undefined,
  };
  const before = {
    ...deriveService(snapshot, 0, undefined),
    lastChange: '2026-01-01T00:00:00.000Z',
  };
  expect(deriveService(snapshot, 0, before).lastChange).toBe('2026-01-01T00:00:00.000Z');
  const own = { ...snapshot, lastChange: '2026-02-02T00:00:00.000Z' };
  expect(deriveService(own, 0, before).lastChange).toBe('2026-02-02T00:00:00.000Z');
});

test('the number of labels is bounded, and the rest is summed, not lost', () => {
  const labels = Array.from({ length: 1000 }, (_, at) => `v${at}`);
  const summed = tally([...labels, 'v7', 'v7', REST_LABEL]);
  expect(Object.keys(summed).length).toBeLessThanOrEqual(MAX_LABELS + 1);
  expect(summed['v7']).toBe(3);
  expect(Object.values(summed).reduce((sum, count) => sum + count, 0)).toBe(1003);
});

test('a zone called like a property of every object is a zone', () => {
  expect(Object.entries(tally(['__proto__', 'constructor']))).toEqual([
    ['__proto__', 1],
    ['constructor', 1],
  ]);
});

test('the overview sums all services', () => {
  const service = (up: number, down: number) => ({
    ...deriveService(
      {
        name: 's',
        counts: counts({ total: up + down, up, down }),
        providers: [],
        suspects: [],
        lastChange: undefined,
      },
      0,
      undefined,
    ),
  });
  expect(deriveOverview([service(3, 1), service(2, 0)])).toEqual({
    services: 2,
    providers: 6,
    counts: counts({ total: 6, up: 5, down: 1 }),
  });
});
