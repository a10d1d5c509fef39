import { expect, test } from 'vitest';
import { derivedReader } from '../../src/aggregator/derived.ts';
import { flapWindow } from '../../src/aggregator/derive/flaps.ts';
import { shardTable } from '../../src/aggregator/derive/shard-table.ts';
import {
  changedServices,
  masterSummaries,
  type MasterSummaries,
} from '../../src/aggregator/master-summaries.ts';
import type { ServicesSnapshot } from '../../src/aggregator/ports.ts';
import { counts } from '../support/derived-facts.ts';
import { type ScriptedView, scriptedView, where } from '../support/scripted-view.ts';

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

function summariesOf({ view, clock }: ScriptedView): MasterSummaries {
  return masterSummaries({
    view,
    before: derivedReader(where).snapshot(),
    flaps: flapWindow(),
    table: shardTable({ token: 1n }),
    clock,
    sweepEveryMs: 5_000,
    signal: new AbortController().signal,
  });
}

test('a node that waits to be removed is found though a younger one speaks for its id', async () => {
  const scripted = scriptedView();
  const { provider, mirror, live } = scripted;
  const record = { status: 'down', leaving: true };
  provider('orders', 'a', 10n, { node: 'a-1', record });
  provider('orders', 'a', 11n, { node: 'a-2' });
  provider('orders', 'b', 12n, { node: 'b-1' });
  provider('orders', 'b', 13n, { node: 'b-2' });
  live(20n);
  const summaries = summariesOf(scripted);
  await summaries.refresh();
  const providers = where.providers('orders');
  expect([...summaries.leaving]).toEqual([[`${providers}/a-1`, 10n]]);
  provider('orders', 'b', 21n, { node: 'b-1', czxid: 12n, record });
  mirror.deliver({ watermark: 21n });
  await summaries.refresh();
  expect(summaries.leaving.get(`${providers}/b-1`)).toBe(21n);
});
