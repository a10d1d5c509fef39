import { type Layout, readConsumer, readOverride, type RejectReason } from '../registry/index.ts';
import {
  dataOf,
  type MirrorChange,
  type MirrorNode,
  type NodeChange,
  nodeChanges,
} from '../zookeeper/index.ts';
import { readProviderQuickly } from './plain-record.ts';
import { claimOf, ProviderClaim } from './provider-claims.ts';
import { recordGlance } from './record-glance.ts';
import type { ServiceEntry } from './service-entry.ts';
import type { ServiceState, Step } from './service-state.ts';
import type { ServiceTable } from './service-table.ts';
import { type Spot, spots } from './spots.ts';
import type { ViewDoubts } from './view-doubts.ts';

/** What a change of the mirror concerned. */
export interface Touched {
  readonly services: Set<ServiceEntry>;
  consumers: boolean;
  /** The directory of services moved: so did the index of every service that is not there. */
  root: boolean;
  /** What else the batch concerned. */
  readonly topics: Set<'derived' | 'members'>;
}

export interface ViewIntakeParts {
  readonly where: Layout;
  readonly table: ServiceTable;
  readonly onRejected: (reason: RejectReason) => void;
  /** Told before something is taken into a list. */
  readonly grows: ViewDoubts['grows'];
}

/** Takes one change of the mirror into the table of services. */
export type ViewIntake = (change: MirrorChange, step: Step, touched: Touched) => void;

/** What is kept of a rejection's detail. */
const MAX_DETAIL = 300;

export function viewIntake(parts: ViewIntakeParts): ViewIntake {
  const { table, onRejected, grows } = parts;
  const spot = spots(parts.where);

  /** Providers of one service come one after another. */
  let last: { readonly entry: ServiceEntry; readonly touched: Touched } | undefined;

  const touch = (service: string, touched: Touched): ServiceEntry => {
    if (last?.touched === touched && last.entry.name === service) return last.entry;
    const entry = table.entry(service);
    touched.services.add(entry);
    last = { entry, touched };
    return entry;
  };

  const provider = (service: string, change: NodeChange, step: Step, touched: Touched): void => {
    if (change.kind === 'directory') return;
    const { state } = touch(service, touched);
    const { node } = change;
    if (change.kind === 'gone') {
      state.memory.ledgers.providers.gone();
      state.unclaim(node, change.zxid, change.unread === true, step);
      return;
    }
    const isNew = change.previous === undefined;
    if (state.listed.size === 0) grows({ of: 'providers', service });
    if (isNew) state.memory.ledgers.providers.joined(node.czxid);
    state.memory.index.saw(node.mzxid);
    const claim = claimIn(state, service, node, change.data, step);
    if (claim !== undefined) state.claim(claim, isNew, step);
  };

  /** What the bytes claim; undefined: they are no record, which is told. */
  const claimIn = (
    state: ServiceState,
    service: string,
    node: MirrorNode,
    data: Buffer,
    step: Step,
  ): ProviderClaim | undefined => {
    const parsed = readProviderQuickly(data);
    if (parsed.ok) return claimOf(node, service, parsed.record);
    onRejected(parsed.reason);
    const { path: znode, czxid, mzxid, ephemeralOwner: sessionId } = node;
    const { reason } = parsed;
    const detail = parsed.detail.slice(0, MAX_DETAIL);
    const namedId = idNamedIn(data);
    state.reject({ znode, czxid, mzxid, sessionId, reason, detail, namedId }, step);
    return undefined;
  };

  /** Of one service, read together: most of them at a glance. */
  const providers = (
    service: string,
    { nodes, czxid, mzxid }: Filled,
    step: Step,
    touched: Touched,
  ): void => {
    const { state } = touch(service, touched);
    if (state.listed.size === 0) grows({ of: 'providers', service });
    state.memory.ledgers.providers.joined(czxid);
    state.memory.index.saw(mzxid);
    const claims: ProviderClaim[] = [];
    for (const node of nodes) {
      const glance = node.content === undefined ? undefined : recordGlance(node.content, service);
      const claim =
        glance === undefined
          ? claimIn(state, service, node, dataOf(node), step)
          : new ProviderClaim(node, glance);
      if (claim !== undefined) claims.push(claim);
    }
    state.claimAll(claims, mzxid, step);
  };

  const override = (
    service: string,
    id: string,
    change: NodeChange,
    step: Step,
    touched: Touched,
  ): void => {
    if (change.kind === 'directory') return;
    const entry = touch(service, touched);
    const { memory } = entry.state;
    const { path: znode, czxid, mzxid } = change.node;
    if (change.kind === 'gone') {
      memory.ledgers.overrides.gone();
      entry.overrides -= 1;
      entry.state.override(id, undefined, { znode, czxid, zxid: change.zxid }, step);
      return;
    }
    if (change.previous === undefined) {
      memory.ledgers.overrides.joined(czxid);
      entry.overrides += 1;
    }
    memory.index.saw(mzxid);
    const at = { znode, czxid, zxid: mzxid };
    const parsed = readOverride(change.data);
    if (parsed.ok) return entry.state.override(id, parsed.record, at, step);
    onRejected(parsed.reason);
    const why = `${parsed.reason}: ${parsed.detail}`.slice(0, MAX_DETAIL);
    entry.state.unreadableOverride(id, why, at, step);
  };

  const consumer = (service: string, change: NodeChange, touched: Touched): void => {
    if (change.kind === 'directory') return;
    const { consumers } = touch(service, touched);
    touched.consumers = true;
    if (change.kind === 'gone') return void consumers.remove(change.node.path);
    if (consumers.size === 0) grows({ of: 'consumers', service });
    consumers.index.saw(change.node.mzxid);
    const parsed = readConsumer(change.data);
    if (parsed.ok) return consumers.put(change.node, parsed.record);
    consumers.remove(change.node.path);
    onRejected(parsed.reason);
  };

  /** A directory of one service: what is in it is told of by changes of their own. */
  const directory = (
    spot: DirectorySpot,
    change: NodeChange,
    followed: boolean,
    touched: Touched,
  ): void => {
    const entry = touch(spot.service, touched);
    const { memory } = entry.state;
    const { node } = change;
    const zxid = newestOf(node);
    const isGone = change.kind === 'gone';
    if (spot.kind !== 'service') {
      if (isGone) entry.directories.delete(spot.kind);
      else entry.directories.add(spot.kind);
    }
    switch (spot.kind) {
      case 'service':
        if (!isGone && !entry.present) grows({ of: 'services' });
        if (isGone) table.went(entry);
        else table.appeared(entry);
        // Services that went before may be forgotten by now.
        last = undefined;
        // It moves when it is made, or one of its few directories is: what was in an earlier one may never have been seen.
        memory.missed(isGone ? change.zxid : zxid);
        if (isGone) return;
        memory.directory(zxid);
        consumersMoved(entry, zxid, touched);
        return;
      case 'providers':
      case 'overrides': {
        const ledger = memory.ledgers[spot.kind];
        if (isGone) {
          ledger.restart();
          memory.missed(change.zxid);
          memory.touched(change.zxid);
        } else {
          ledger.directory(node, followed);
          memory.directory(zxid);
          if (change.kind === 'put' && change.previous === undefined) memory.missed(node.czxid);
        }
        return;
      }
      case 'consumers':
        if (!isGone) consumersMoved(entry, zxid, touched);
        return;
      default:
        spot satisfies never;
    }
  };

  const consumersMoved = ({ consumers }: ServiceEntry, zxid: bigint, touched: Touched): void => {
    consumers.index.saw(zxid);
    touched.consumers = true;
  };

  const root = (change: NodeChange, followed: boolean, touched: Touched): void => {
    if (change.kind === 'gone') {
      table.ledger.restart();
      table.missed(change.zxid);
      return;
    }
    table.ledger.directory(change.node, followed);
    if (table.rootMoved(newestOf(change.node))) touched.root = true;
  };

  const allOverrides = (change: NodeChange, followed: boolean): void => {
    if (change.kind === 'gone') {
      table.overridesZxid = change.zxid;
      table.overridesLedger.restart();
      table.missed(undefined);
      return;
    }
    table.overridesZxid = newestOf(change.node);
    table.overridesLedger.directory(change.node, followed);
  };

  const take = (spot: Spot, change: NodeChange, step: Step, touched: Touched): void => {
    switch (spot.kind) {
      case 'provider':
        return provider(spot.service, change, step, touched);
      case 'consumer':
        return consumer(spot.service, change, touched);
      case 'override':
        return override(spot.service, spot.id, change, step, touched);
      case 'service':
        if (change.kind === 'put' && change.previous === undefined)
          table.ledger.joined(change.node.czxid);
        if (change.kind === 'gone') table.ledger.gone();
        return directory(spot, change, step.into !== undefined, touched);
      case 'overrides':
        if (change.kind === 'put' && change.previous === undefined)
          table.overridesLedger.joined(change.node.czxid);
        if (change.kind === 'gone') table.overridesLedger.gone();
        return directory(spot, change, step.into !== undefined, touched);
      case 'providers':
      case 'consumers':
        return directory(spot, change, step.into !== undefined, touched);
      case 'services':
        return root(change, step.into !== undefined, touched);
      case 'all-overrides':
        return allOverrides(change, step.into !== undefined);
      case 'bad-name':
        if (change.kind === 'put' && spot.isProvider) onRejected('name');
        return undefined;
      case 'member':
      case 'derived':
      case 'other':
        return undefined;
      default:
        return spot satisfies never;
    }
  };

  return (change, step, touched) => {
    const within = change.kind === 'filled' ? spot.within(change.path) : undefined;
    if (change.kind === 'filled' && within?.kind === 'provider')
      return providers(within.service, change, step, touched);
    if (change.kind !== 'filled') return take(spot.of(change.node), change, step, touched);
    for (const each of nodeChanges([change])) take(spot.of(each.node), each, step, touched);
  };
}

type Filled = Extract<MirrorChange, { readonly kind: 'filled' }>;

type DirectorySpot = Extract<
  Spot,
  { readonly kind: 'service' | 'providers' | 'consumers' | 'overrides' }
>;

function newestOf({ czxid, pzxid }: MirrorNode): bigint {
  return pzxid > czxid ? pzxid : czxid;
}

/** How much of bytes that are no record is looked through for an id. */
const NAMED_WITHIN_BYTES = 4_096;

/** The id that bytes name which are no record, for `explain`: their own where they are JSON, the first that is called so where not. */
function idNamedIn(bytes: Buffer): string | undefined {
  const text = bytes.toString('utf8', 0, NAMED_WITHIN_BYTES);
  if (bytes.length <= NAMED_WITHIN_BYTES) {
    try {
      const value: unknown = JSON.parse(text);
      const id = typeof value === 'object' && value !== null && 'id' in value ? value.id : '';
      return typeof id === 'string' && /^[^"\\/]{1,256}$/.test(id) ? id : undefined;
    } catch {
      // No JSON: whatever looks like one is better than nothing.
    }
  }
  return /"id"\s*:\s*"([^"\\/]{1,256})"/.exec(text)?.[1];
}
