import type { Layout } from '../registry/index.ts';
import type { Mirror } from '../zookeeper/index.ts';
import { publishedIndex, smaller } from './published-index.ts';
import type { ServiceEntry } from './service-entry.ts';
import type { ServiceTable } from './service-table.ts';

/** Publishes indexes: of each service and its consumers, and of the lists over all of them. */
export interface ViewIndexes {
  /** Looks at a service whose content or whose pending reads may have moved. Returns whether its consumers' index moved. */
  publish(entry: ServiceEntry): boolean;
  /** Puts off the publishing of a service until `held` is gone through. */
  hold(entry: ServiceEntry): void;
  /** Services of which more is known than published. */
  readonly held: ReadonlySet<ServiceEntry>;
  /** The smallest mark of what is still to be read or applied of a service. */
  markOf(name: string): bigint | undefined;
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

  const settleLedgers = ({ memory }: ServiceEntry['state']): void => {
    for (const ledger of [memory.ledgers.providers, memory.ledgers.overrides]) {
      const missed = ledger.settle();
      if (missed !== undefined) memory.raiseFloor(missed);
    }
  };

  const publish = (entry: ServiceEntry): boolean => {
    const { state, consumers: own } = entry;
    const { index } = state.memory;
    if (!entry.present) {
      index.saw(table.rootZxid);
      own.index.saw(table.rootZxid);
    }
    const mark = least([entry.servicePath, entry.overridesPath]);
    if (mark === undefined) settleLedgers(state);
    if (index.publish(mark)) state.reindexed();
    const moved = own.index.publish(mark);
    if (moved) own.reindexed();
    if (index.held || own.index.held) held.add(entry);
    else held.delete(entry);
    services.saw(index.full);
    consumers.saw(own.index.full);
    return moved;
  };

  const settleTable = (): void => {
    if (least([where.services]) !== undefined) return;
    const missed = table.ledger.settle();
    if (missed !== undefined) table.raiseFloor(missed);
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
    hold: entry => void held.add(entry),
    held,
    markOf: name => least([where.service(name), `${where.overrides}/${name}`]),
    publishServices() {
      services.saw(table.rootZxid);
      settleTable();
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
