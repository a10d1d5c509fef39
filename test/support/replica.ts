import { Registry } from 'prom-client';
import { type Aggregator, type LeaveCause, openAggregator } from '../../src/aggregator/index.ts';
import type { Session } from '../../src/zookeeper/index.ts';

/** An aggregator whose view is live, with what tests ask of its metrics and its feed. */
export interface Replica extends Aggregator {
  /** The causes of the leaves, as the feed told them when they happened. */
  readonly told: readonly { readonly id: string; readonly cause: LeaveCause }[];
  /** The token of the term in which it believes itself the master; 0: it does not. */
  term(): Promise<number>;
  writes(): Promise<Readonly<Record<string, number>>>;
}

export interface ReplicaOptions {
  readonly id: string;
  /** Between two rounds of the master's writes. Default 20. */
  readonly everyMs?: number;
  readonly growBytes?: number;
}

/** To be closed before the session. */
export async function openReplica(session: Session, options: ReplicaOptions): Promise<Replica> {
  const registry = new Registry();
  const { id, ...tuned } = options;
  const aggregator = await openAggregator({
    session,
    id,
    registry,
    address: `${id}:7070`,
    version: '1.0.0',
    auditEveryMs: 0,
    derived: { everyMs: 20, ...tuned },
  });
  await aggregator.view.ready();
  const told: { readonly id: string; readonly cause: LeaveCause }[] = [];
  aggregator.feed.subscribe({
    onBatch({ events }) {
      for (const event of events) {
        if (event.type === 'left') told.push({ id: event.id, cause: event.cause });
      }
      return true;
    },
    onEnd: () => undefined,
  });
  const valuesOf = async (name: string) =>
    (await registry.getSingleMetric(name)?.get())?.values ?? [];
  return Object.assign(aggregator, {
    told,
    async term() {
      return (await valuesOf('rollcall_master_term_token'))[0]?.value ?? 0;
    },
    async writes() {
      const values = await valuesOf('rollcall_derived_writes_total');
      return Object.fromEntries(values.map(({ labels, value }) => [labels['result'], value]));
    },
  });
}
