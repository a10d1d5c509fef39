import type { AggregatorPort } from '../aggregator/ports.ts';
import type { Clock } from '../kernel/clock.ts';
import type { Random } from '../kernel/random.ts';
import type { Access } from './access.ts';
import type { HttpMetrics } from './http-metrics.ts';
import type { Lifecycle } from './lifecycle.ts';
import type { LongLists } from './long-lists.ts';
import type { Catalog } from './operation.ts';
import type { Streams } from './streams.ts';
import type { ViewAnswers } from './view-answers.ts';

/** What the routes stand on. */
export interface RouteContext {
  readonly aggregator: AggregatorPort;
  readonly answers: ViewAnswers;
  readonly longLists: LongLists;
  readonly streams: Streams;
  readonly catalog: Catalog;
  readonly access: Access;
  readonly lifecycle: Lifecycle;
  readonly httpMetrics: HttpMetrics;
  readonly clock: Clock;
  readonly random: Random;
  readonly version: string;
  readonly writeTimeoutMs: number;
  /** The exposition of `/metrics`, and its content type. */
  readonly metrics: { render(): Promise<string | Buffer>; readonly contentType: string };
}
