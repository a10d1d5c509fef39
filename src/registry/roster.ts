import { isDeepStrictEqual } from 'node:util';
import { type Claim, compareClaims, resolveClaims } from './identity.ts';
import { applyOverride, type Override } from './override.ts';
import type { ProviderRecord } from './record.ts';

/** One znode that says who it is. */
export interface ProviderNode extends Claim {
  readonly sessionId: bigint;
  readonly record: ProviderRecord;
}

/** One provider as it counts: what the znode that speaks for its id says, with the operator's override merged in. */
export interface Listed {
  readonly node: ProviderNode;
  readonly record: ProviderRecord;
}

export type RosterDelta =
  | { readonly type: 'joined'; readonly provider: ProviderRecord }
  | {
      readonly type: 'changed';
      readonly provider: ProviderRecord;
      readonly previous: ProviderRecord;
    }
  | { readonly type: 'left'; readonly provider: ProviderRecord };

/** What happened to one id, and how many providers there were just before. */
export interface RosterStep {
  readonly delta: RosterDelta;
  readonly wasRejected: boolean;
  readonly before: Listed | undefined;
  readonly sizeBefore: number;
}

/** The providers of one service, by id. Pure: changes in, differences out. Changes take effect with `settle`. */
export interface Roster {
  put(node: ProviderNode): void;
  /** The znode is gone. */
  drop(znode: string): void;
  /** The znode is there, but is no record any more: its provider is not listed, and did not vanish. */
  reject(znode: string): void;
  override(id: string, override: Override | undefined): void;
  /** The differences that all changes since the last call make, one for each id at most. */
  settle(): readonly RosterStep[];
  /** Sorted by id; the same array until something in it changes. */
  readonly providers: readonly ProviderRecord[];
  readonly listed: Iterable<Listed>;
}

export function roster(): Roster {
  const claims = new Map<string, Map<string, ProviderNode>>();
  const idOf = new Map<string, string>();
  const overrides = new Map<string, Override>();
  const listed = new Map<string, Listed>();
  const touched = new Set<string>();
  const rejected = new Set<string>();
  let providers: readonly ProviderRecord[] | undefined = [];

  const drop = (znode: string): void => {
    const id = idOf.get(znode);
    if (id === undefined) return;
    idOf.delete(znode);
    const ofId = claims.get(id);
    ofId?.delete(znode);
    if (ofId?.size === 0) claims.delete(id);
    touched.add(id);
  };

  const now = (id: string): Listed | undefined => {
    const { winner } = resolveClaims(claims.get(id)?.values() ?? []);
    if (winner === undefined) return undefined;
    return { node: winner, record: applyOverride(winner.record, overrides.get(id)) };
  };

  const settleOne = (id: string): RosterStep | undefined => {
    const before = listed.get(id);
    const after = now(id);
    const sizeBefore = listed.size;
    if (after === undefined) listed.delete(id);
    else listed.set(id, after);
    const delta = difference(before, after);
    return delta && { delta, before, sizeBefore, wasRejected: rejected.has(id) };
  };

  return {
    put(node) {
      const { id } = node.record;
      if (idOf.get(node.znode) !== id) drop(node.znode);
      idOf.set(node.znode, id);
      const ofId = claims.get(id) ?? new Map<string, ProviderNode>();
      ofId.set(node.znode, node);
      claims.set(id, ofId);
      touched.add(id);
    },
    drop,
    reject(znode) {
      const id = idOf.get(znode);
      if (id !== undefined) rejected.add(id);
      drop(znode);
    },
    override(id, override) {
      if (override === undefined) overrides.delete(id);
      else overrides.set(id, override);
      touched.add(id);
    },
    settle() {
      const steps = [...touched].map(settleOne).filter(step => step !== undefined);
      touched.clear();
      rejected.clear();
      if (steps.length > 0) providers = undefined;
      return steps;
    },
    get providers() {
      providers ??= [...listed.values()]
        .map(({ record }) => record)
        .sort((a, b) => (a.id < b.id ? -1 : 1));
      return providers;
    },
    get listed() {
      return listed.values();
    },
  };
}

function difference(
  before: Listed | undefined,
  after: Listed | undefined,
): RosterDelta | undefined {
  if (after === undefined) return before && { type: 'left', provider: before.record };
  if (before === undefined) return { type: 'joined', provider: after.record };
  const isSame =
    compareClaims(before.node, after.node) === 0 && isDeepStrictEqual(before.record, after.record);
  return isSame ? undefined : { type: 'changed', provider: after.record, previous: before.record };
}
