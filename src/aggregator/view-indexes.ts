import type { Layout } from '../registry/index.ts';
import type { Mirror } from '../zookeeper/index.ts';
import { publishedIndex, smaller } from './published-index.ts';
import type { ServiceEntry } from './service-entry.ts';
import type { ServiceTable } from './service-table.ts';

/** Publishes indexes: of each service and its consumers, and of the lists over all of them. */
export interface ViewIndexes {
  /** Looks at a service whose content or whose pending reads may have moved. Returns whether its consumers' index moved. */
  publish(entry: ServiceEntry): boolean;
  /** Services of which more is known than published. */
  readonly held: ReadonlySet<ServiceEntry>;
  /** The smallest mark of what is still to be read or applied of a service. */
  markOf(name: string): bigint | undefined;
  /** The same of what is derived. */
  readonly derivedMark: bigint | undefined;
  /** Looks whether whole services may have come and gone unseen. */
  auditTable(): void;
  /** Of the list of all services; returns whether it moved. */
  publishServices(): boolean;
  publishConsumers(): boolean;
  readonly services: bigint;
  readonly consumers: bigint;
  /** The ensemble was rebuilt: begins again from what the mirror holds. */
  restart(): void;
}

export interface ViewIndexesParts {
  readonly where: Layout;
  readonly mirror: Mirror;
  readonly table: ServiceTable;
  /** W of the view: of what is applied. */
  readonly watermark: () => bigint;
  /** While batches wait to be applied: the watermark before them. */
  readonly applyingMark: () => bigint | undefined;
}

export function viewIndexes(parts: ViewIndexesParts): ViewIndexes {
  const { where, mirror, table } = parts;
  const held = new Set<ServiceEntry>();
  const services = publishedIndex();
  const consumers = publishedIndex();

  const least = (paths: readonly string[]): bigint | undefined =>
    paths.reduce<bigint | undefined>((mark, path) => {
      const own = mirror.pendingMark(path);
      return own === undefined ? mark : smaller(own, mark);
    }, parts.applyingMark());

  /** Looks whether every deletion is accounted for. While something is to be read, an odd account may be about that. */
  const audit = (
    { providers, overrides }: ServiceEntry['state']['memory']['ledgers'],
    of: Pick<ServiceTable, 'missed'>,
    isSettled: boolean,
  ): void => {
    for (const ledger of [providers, overrides]) {
      const doubt = ledger.doubt();
      if (isSettled) ledger.settle();
      if (doubt !== undefined) of.missed(doubt);
    }
  };

  const publish = (entry: ServiceEntry): boolean => {
    const { state, consumers: own } = entry;
    const { index } = state.memory;
    const atLeast = entry.present ? 0n : table.rootZxid;
    const mark = least([entry.servicePath, entry.overridesPath]);
    audit(state.memory.ledgers, state.memory, mark === undefined);
    if (index.publish(mark, atLeast)) state.reindexed();
    const moved = own.index.publish(mark, atLeast);
    if (moved) own.reindexed();
    if (index.held || own.index.held) held.add(entry);
    else held.delete(entry);
    services.saw(index.full);
    consumers.saw(own.index.full);
    return moved;
  };

  /** The newest zxid at or below a path, as the mirror has it. */
  const newestBelow = (path: string): bigint => {
    const node = mirror.get(path);
    const own = node === undefined ? 0n : max(node.pzxid, node.mzxid);
    return mirror
      .children(path)
      .reduce((newest, name) => max(newest, mirror.get(`${path}/${name}`)?.mzxid ?? 0n), own);
  };

  const restartEntry = (entry: ServiceEntry): void => {
    const { name, state } = entry;
    const pzxids = [entry.servicePath, where.providers(name), entry.overridesPath].map(
      path => mirror.get(path)?.pzxid ?? 0n,
    );
    const directoryZxid = pzxids.reduce(max, 0n);
    const full = max(
      directoryZxid,
      max(newestBelow(where.providers(name)), newestBelow(entry.overridesPath)),
    );
    state.memory.restart(full, directoryZxid);
    entry.consumers.index.restart(newestBelow(where.consumers(name)));
    state.reindexed();
    entry.consumers.reindexed();
  };

  return {
    publish,
    held,
    markOf: name => least([where.service(name), `${where.overrides}/${name}`]),
    get derivedMark() {
      return least([where.derived]);
    },
    auditTable() {
      const { ledger: providers, overridesLedger: overrides } = table;
      const isSettled = least([where.services, where.overrides]) === undefined;
      audit({ providers, overrides }, table, isSettled);
    },
    publishServices() {
      services.saw(table.rootZxid);
      return services.publish(parts.watermark());
    },
    publishConsumers() {
      consumers.saw(table.rootZxid);
      return consumers.publish(parts.watermark());
    },
    get services() {
      return services.published;
    },
    get consumers() {
      return consumers.published;
    },
    restart() {
      table.restart(mirror.get(where.services)?.pzxid ?? 0n);
      services.restart(0n);
      consumers.restart(0n);
      for (const entry of table.entries()) {
        restartEntry(entry);
        publish(entry);
      }
    },
  };
}

function max(a: bigint, b: bigint): bigint {
  return a > b ? a : b;
}
