import type { Clock } from '../kernel/clock.ts';
import { turn } from '../kernel/turn.ts';
import type { ZnodePath } from '../zookeeper/index.ts';
import { decodeAhead } from './decode-ahead.ts';
import { encodeService } from './derive/codec.ts';
import type { Flaps } from './derive/flaps.ts';
import type { ShardTable } from './derive/shard-table.ts';
import { deriveOverview, deriveService } from './derive/summary.ts';
import type { DerivedService, DerivedSnapshot, ListedProvider, ServicesSnapshot } from './ports.ts';
import type { LiveView } from './view.ts';

export interface MasterSummariesOptions {
  readonly view: Pick<LiveView, 'has' | 'service' | 'services' | 'superseded'>;
  /** The last master's word, for what this replica has not seen itself. */
  readonly before: DerivedSnapshot;
  readonly flaps: Flaps;
  readonly table: ShardTable;
  readonly clock: Clock;
  readonly sweepEveryMs: number;
  readonly signal: AbortSignal;
}

/** The summaries of one term: every service is derived once, then those that changed. */
export interface MasterSummaries {
  /** Brings the table up to date with the view. Gives others their turn of the event loop in between. */
  refresh(): Promise<void>;
  overview(): ReturnType<typeof deriveOverview>;
  /** Providers that wait to be removed, with the mzxid of the word that said so. */
  readonly leaving: Map<ZnodePath, bigint>;
}

/** How many providers' worth of services is derived in one turn: most records are decoded for the first time here. */
const PROVIDERS_A_TURN = 2_000;

type ServiceLine = ServicesSnapshot['services'][number];
type Lines = ReadonlyMap<string, ServiceLine>;

/** Only those that said so themselves, since the server did not let them delete their node. */
const isLeaving = (provider: ListedProvider): boolean => provider.record['leaving'] === true;

/** Suspects and verdicts of checks lapse without a change in ZooKeeper. */
function isChanged(before: ServiceLine | undefined, now: ServiceLine): boolean {
  if (before === now) return false;
  return (
    before === undefined ||
    before.index !== now.index ||
    before.counts.suspects !== now.counts.suspects ||
    before.counts.unhealthy !== now.counts.unhealthy
  );
}

/** The services whose line is not what it was, those included that are no more. */
export function changedServices(before: Lines, now: Lines): readonly string[] {
  const changed = [...now.values()].filter(line => isChanged(before.get(line.name), line));
  const ended = [...before.keys()].filter(name => !now.has(name));
  return [...changed.map(({ name }) => name), ...ended];
}

export function masterSummaries(options: MasterSummariesOptions): MasterSummaries {
  const { view, before, flaps, table, clock, sweepEveryMs, signal } = options;
  const services = new Map<string, DerivedService>();
  const leaving = new Map<ZnodePath, bigint>();
  let lines: Lines = new Map();
  let sweptMs = clock.nowMs();

  const derive = (name: string): void => {
    if (!view.has(name)) {
      services.delete(name);
      table.set(name, undefined);
      return;
    }
    const snapshot = view.service(name);
    const known = services.get(name) ?? before.service(name);
    const service = deriveService(snapshot, flaps.score(name, clock.nowMs()), known);
    services.set(name, service);
    table.set(name, encodeService(service));
    // Those included for which a younger node of the same id speaks: nobody else would ever remove them.
    for (const those of [snapshot.providers, view.superseded(name)]) {
      for (const provider of those) {
        if (isLeaving(provider)) leaving.set(provider.znode, provider.mzxid);
      }
    }
  };

  /** Before all of its records are asked for in one piece. */
  const decode = async (name: string): Promise<void> => {
    const { providers } = view.service(name);
    const listed = { size: providers.length, values: () => providers };
    await decodeAhead([listed], () => !signal.aborted);
    signal.throwIfAborted();
  };

  const swept = (): readonly string[] => {
    const nowMs = clock.nowMs();
    if (nowMs - sweptMs < sweepEveryMs) return [];
    sweptMs = nowMs;
    return flaps.expire(nowMs);
  };

  return {
    leaving,
    async refresh() {
      const now: Lines = new Map(view.services().services.map(line => [line.name, line]));
      const names = new Set([...changedServices(lines, now), ...swept()]);
      lines = now;
      let providers = 0;
      for (const name of names) {
        if (!services.has(name)) await decode(name);
        derive(name);
        providers += 10 + (now.get(name)?.counts.total ?? 0);
        if (providers < PROVIDERS_A_TURN) continue;
        providers = 0;
        await turn();
        signal.throwIfAborted();
      }
    },
    overview: () => deriveOverview(services.values()),
  };
}
