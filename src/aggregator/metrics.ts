import { Counter, Gauge, Histogram, type Registry } from 'prom-client';
import type { Clock } from '../kernel/clock.ts';
import type { RejectReason } from '../registry/index.ts';
import type { WriteResult } from './derived-writer.ts';
import type { ViewState } from './ports.ts';

/** What the gauges ask at a scrape. */
export interface AggregatorFacts {
  readonly state: ViewState;
  readonly watermark: bigint;
  readonly services: number;
  readonly suspects: number;
  readonly subscribers: number;
  /** The token of the term in which this replica is the master; undefined: it is not. */
  readonly term: bigint | undefined;
}

export interface AggregatorMetrics {
  rejected(reason: RejectReason): void;
  wrote(result: WriteResult): void;
  feedReset(): void;
  /** From the watch event's arrival until it was in the view and sent. */
  propagated(elapsedMs: number): void;
  /** Tells the gauges where to ask; before that they show a view that is syncing. */
  observe(facts: () => AggregatorFacts): void;
}

const STATES: readonly ViewState['kind'][] = ['syncing', 'live', 'stale'];
const RESULTS: readonly WriteResult[] = ['ok', 'fenced', 'error'];
const REASONS: readonly RejectReason[] = ['too-large', 'not-json', 'invalid', 'name'];

const NOTHING: AggregatorFacts = {
  state: { kind: 'syncing' },
  watermark: 0n,
  services: 0,
  suspects: 0,
  subscribers: 0,
  term: undefined,
};

function counters(registers: Registry[]) {
  const rejected = new Counter({
    name: 'rollcall_records_rejected_total',
    help: 'Znodes that were skipped because they hold no record, by reason.',
    labelNames: ['reason'] as const,
    registers,
  });
  const writes = new Counter({
    name: 'rollcall_derived_writes_total',
    help: 'Writes of derived state by this replica as the master; fenced: ZooKeeper refused it because the term was over.',
    labelNames: ['result'] as const,
    registers,
  });
  const resets = new Counter({
    name: 'rollcall_feed_resets_total',
    help: 'Subscribers that were sent a reset.',
    registers,
  });
  for (const reason of REASONS) rejected.inc({ reason }, 0);
  for (const result of RESULTS) writes.inc({ result }, 0);
  return { rejected, writes, resets };
}

/** @param staleSeconds age of a state that is not live. */
function gauges(
  registers: Registry[],
  facts: () => AggregatorFacts,
  staleSeconds: (state: ViewState) => number,
): void {
  const gauge = (name: string, help: string, value: () => number): void => {
    const made: Gauge = new Gauge({ name, help, registers, collect: () => made.set(value()) });
  };
  const state = new Gauge({
    name: 'rollcall_view_state',
    help: 'State of the view: 1 for the present one.',
    labelNames: ['state'] as const,
    registers,
    collect: () => {
      for (const kind of STATES) state.set({ state: kind }, facts().state.kind === kind ? 1 : 0);
    },
  });
  gauge('rollcall_view_index', 'The zxid up to which the view is complete.', () =>
    Number(facts().watermark),
  );
  gauge(
    'rollcall_view_staleness_seconds',
    'Since when the view has not been live; 0 while it is.',
    () => staleSeconds(facts().state),
  );
  gauge(
    'rollcall_services',
    'Services that have a directory in ZooKeeper.',
    () => facts().services,
  );
  gauge(
    'rollcall_suspects',
    'Vanished providers that protection keeps as suspects.',
    () => facts().suspects,
  );
  gauge('rollcall_feed_subscribers', 'Subscribers of the live feed.', () => facts().subscribers);
  gauge('rollcall_master', '1 while this replica is the master.', () =>
    facts().term === undefined ? 0 : 1,
  );
  gauge(
    'rollcall_master_term_token',
    'Fencing token of the term of this replica as the master; 0: it is not.',
    () => Number(facts().term ?? 0n),
  );
}

/** The aggregator's own metrics; `providers` is rendered apart (see `providersText`), since it may have 100 000 series. */
export function aggregatorMetrics(register: Registry, clock: Clock): AggregatorMetrics {
  const registers = [register];
  const beganWallMs = clock.wallMs();
  let ask: () => AggregatorFacts = () => NOTHING;
  const { rejected, writes, resets } = counters(registers);
  const propagation = new Histogram({
    name: 'rollcall_propagation_seconds',
    help: 'From the arrival of a watch event until its change was in the view and sent.',
    buckets: [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5],
    registers,
  });
  gauges(
    registers,
    () => ask(),
    state => {
      if (state.kind === 'live') return 0;
      const sinceMs = state.kind === 'stale' ? state.sinceWallMs : beganWallMs;
      return Math.max(0, clock.wallMs() - sinceMs) / 1000;
    },
  );
  return {
    rejected: reason => rejected.inc({ reason }),
    wrote: result => writes.inc({ result }),
    feedReset: () => resets.inc(),
    propagated: elapsedMs => propagation.observe(elapsedMs / 1000),
    observe(facts) {
      ask = facts;
    },
  };
}
