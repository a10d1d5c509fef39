import { Registry } from 'prom-client';
import { expect, test } from 'vitest';
import { aggregatorMetrics } from '../../src/aggregator/metrics.ts';
import { escapeLabel, providersText } from '../../src/aggregator/providers-text.ts';
import { manualClock } from '../../src/testing/index.ts';
import { counts } from '../support/derived-facts.ts';

const line = (name: string, up: number, down = 0) => ({
  name,
  index: 1n,
  counts: counts({ total: up + down, up, down }),
});

const seriesIn = (page: Buffer, name: string): readonly string[] =>
  page
    .toString()
    .split('\n')
    .filter(text => text.startsWith(name));

test('services beyond the bound are summed, and the page says how many', async () => {
  const services = [line('a', 1), line('b', 2), line('c', 3, 1), line('d', 4)];
  const page = await providersText(() => services, 2).render();
  expect(seriesIn(page, 'rollcall_providers{').filter(text => !text.endsWith(' 0'))).toEqual([
    'rollcall_providers{service="a",status="up"} 1',
    'rollcall_providers{service="b",status="up"} 2',
    'rollcall_providers{service="",status="up"} 7',
    'rollcall_providers{service="",status="down"} 1',
  ]);
  expect(seriesIn(page, 'rollcall_providers_unnamed_services')).toEqual([
    'rollcall_providers_unnamed_services 2',
  ]);
});

test('a change is on the next page, and a service that is no more is not', async () => {
  let services = [line('a', 1), line('b', 2)];
  const text = providersText(() => services);
  await text.render();
  services = [line('b', 3)];
  const up = seriesIn(await text.render(), 'rollcall_providers{').filter(series =>
    series.includes('"up"'),
  );
  expect(up).toEqual(['rollcall_providers{service="b",status="up"} 3']);
});

test('a label value cannot break out of its quotes', () => {
  expect(escapeLabel('a"} 1\nb\\')).toBe('a\\"} 1\\nb\\\\');
});

test('twenty-five thousand services are rendered whole, in many turns of the event loop', async () => {
  const services = Array.from({ length: 25_000 }, (_, at) => line(`service-${at}`, at));
  const text = providersText(() => services, 50_000);
  let turns = 0;
  let isDone = false;
  const count = (): void => {
    turns += 1;
    if (!isDone) setImmediate(count);
  };
  setImmediate(count);
  const page = await text.render();
  isDone = true;
  expect(seriesIn(page, 'rollcall_providers{')).toHaveLength(100_000);
  expect(turns).toBeGreaterThanOrEqual(25);
});

test('the gauges show the view as it is at the scrape', async () => {
  const clock = manualClock({ wallMs: 10_000 });
  const register = new Registry();
  const metrics = aggregatorMetrics(register, clock);
  const value = async (text: string): Promise<string | undefined> =>
    seriesIn(Buffer.from(await register.metrics()), text)[0]
      ?.split(' ')
      .at(-1);
  await clock.advance(2_000);
  expect(await value('rollcall_view_state{state="syncing"}')).toBe('1');
  expect(await value('rollcall_view_staleness_seconds')).toBe('2');
  metrics.observe(() => ({
    state: { kind: 'stale', sinceWallMs: 11_000 },
    watermark: 4_294_967_299n,
    services: 3,
    suspects: 8,
    subscribers: 2,
    term: 77n,
  }));
  expect(await value('rollcall_view_state{state="stale"}')).toBe('1');
  expect(await value('rollcall_view_state{state="syncing"}')).toBe('0');
  expect(await value('rollcall_view_staleness_seconds')).toBe('1');
  expect(await value('rollcall_view_index')).toBe('4294967299');
  expect(await value('rollcall_services')).toBe('3');
  expect(await value('rollcall_suspects')).toBe('8');
  expect(await value('rollcall_feed_subscribers')).toBe('2');
  expect(await value('rollcall_master ')).toBe('1');
  expect(await value('rollcall_master_term_token')).toBe('77');
  expect(await value('rollcall_derived_writes_total{result="fenced"}')).toBe('0');
});
