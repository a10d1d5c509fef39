import { collectDefaultMetrics, type Registry } from 'prom-client';
import type { ProvidersText } from './providers-text.ts';

/** prom-client's gauges whose names end like a counter's, which `promtool check metrics` refuses. */
const REFUSED = [
  'nodejs_active_handles_total',
  'nodejs_active_requests_total',
  'nodejs_active_resources_total',
];

/** Node's own metrics of this process, without those that promtool refuses. */
export function processMetrics(register: Registry): void {
  collectDefaultMetrics({ register });
  for (const name of REFUSED) register.removeSingleMetric(name);
}

export interface MetricsPage {
  /** Of `render`'s text. */
  readonly contentType: string;
  /** Everything in the Prometheus text format. */
  render(): Promise<Buffer>;
}

export function metricsPage(register: Registry, providers: ProvidersText): MetricsPage {
  return {
    contentType: register.contentType,
    async render() {
      const [own, rest] = await Promise.all([register.metrics(), providers.render()]);
      return Buffer.concat([Buffer.from(own), rest]);
    },
  };
}
