import { expect, test } from 'vitest';
import { changedServices } from '../../src/aggregator/master-summaries.ts';
import type { ServicesSnapshot } from '../../src/aggregator/ports.ts';
import { counts } from '../support/derived-facts.ts';

type Line = ServicesSnapshot['services'][number];

const line = (name: string, index: bigint, some: Partial<Line['counts']> = {}): Line => ({
  name,
  index,
  counts: counts(some),
});
const lines = (...all: readonly Line[]): ReadonlyMap<string, Line> =>
  new Map(all.map(one => [one.name, one]));

test('a service is derived again when its index moved, when it came, and when it went', () => {
  const before = lines(line('same', 1n), line('moved', 1n), line('went', 1n));
  const now = lines(line('same', 1n), line('moved', 2n), line('came', 1n));
  expect(changedServices(before, now)).toEqual(['moved', 'came', 'went']);
});

test('suspects that are let go and verdicts that change need no change in ZooKeeper', () => {
  const before = lines(line('suspects', 1n, { suspects: 8 }), line('checked', 1n));
  const now = lines(line('suspects', 1n), line('checked', 1n, { unhealthy: 1 }));
  expect(changedServices(before, now)).toEqual(['suspects', 'checked']);
  expect(changedServices(now, now)).toEqual([]);
});
