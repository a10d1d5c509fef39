import { Registry } from 'prom-client';
import { expect } from 'vitest';
import { metricsPage, processMetrics } from '../../src/aggregator/metrics-page.ts';
import { aggregatorMetrics } from '../../src/aggregator/metrics.ts';
import { providersText } from '../../src/aggregator/providers-text.ts';
import { manualClock } from '../../src/testing/index.ts';
import { counts } from '../support/derived-facts.ts';
import { needs } from '../support/programs.ts';
import { checkMetrics } from '../support/promtool.ts';

const withPromtool = needs('promtool');

const line = (name: string, up: number, down = 0) => ({
  name,
  index: 1n,
  counts: counts({ total: up + down, up, down }),
});

withPromtool('promtool accepts the whole page without a word', async () => {
  const register = new Registry();
  processMetrics(register);
  const metrics = aggregatorMetrics(register, manualClock());
  metrics.propagated(3);
  metrics.wrote('fenced');
  const page = metricsPage(
    register,
    providersText(() => [line('orders', 2), line('a:b_c.D-1', 0, 1)], 1),
  );
  expect(checkMetrics(await page.render())).toEqual({ status: 0, output: '' });
});

withPromtool('the check is able to fail', () => {
  expect(checkMetrics(Buffer.from('# TYPE x_total gauge\nx_total 1\n')).status).not.toBe(0);
});
