import { compareClaims, layout } from '../../src/registry/index.ts';
import type { ListedProvider } from '../../src/aggregator/ports.ts';
import type { ModelZooKeeper, Write } from './model-zookeeper.ts';

const where = layout();

/** What a client knows of one provider: the znode that speaks for it, its last change, and the override. */
export interface Known {
  readonly znode: string;
  readonly mzxid: bigint;
  readonly override: string | undefined;
}

export function knownOf({ znode, mzxid, override }: ListedProvider): Known {
  return { znode, mzxid, override: override?.by };
}

/** A client's copy: service, then id. */
export type Copy = ReadonlyMap<string, ReadonlyMap<string, Known>>;

/** What lay at a path from one zxid until the next. */
interface Version {
  readonly until: bigint | undefined;
  /** undefined: nothing. */
  readonly node:
    | { readonly czxid: bigint; readonly mzxid: bigint; readonly data: string }
    | undefined;
}

/** The history of every path. */
function versionsOf(writes: readonly Write[]): ReadonlyMap<string, readonly Version[]> {
  const byPath = new Map<string, Version[]>();
  for (const { path, zxid, data } of writes) {
    const versions = byPath.get(path) ?? [{ until: undefined, node: undefined }];
    byPath.set(path, versions);
    const last = versions.at(-1);
    if (last !== undefined) versions[versions.length - 1] = { ...last, until: zxid };
    const czxid = last?.node?.czxid ?? zxid;
    versions.push({
      until: undefined,
      node: data === undefined ? undefined : { czxid, mzxid: zxid, data },
    });
  }
  return byPath;
}

function idIn(data: string): string {
  return (JSON.parse(data) as { readonly id: string }).id;
}

/** Says what is wrong with copies, against the whole history. */
export function modelTruth(
  zookeeper: ModelZooKeeper,
  services: readonly string[],
  ids: readonly string[],
) {
  let asOf = -1;
  let versions: ReadonlyMap<string, readonly Version[]> = new Map();
  const all = (): ReadonlyMap<string, readonly Version[]> => {
    if (asOf !== zookeeper.writes.length) versions = versionsOf(zookeeper.writes);
    asOf = zookeeper.writes.length;
    return versions;
  };

  /** What may still be believed of a path by somebody who knows everything ≤ `index`. */
  const since = (path: string, index: bigint): readonly Version[] =>
    (all().get(path) ?? [{ until: undefined, node: undefined }]).filter(
      ({ until }) => until === undefined || until > index,
    );

  const providerPaths = (service: string): readonly string[] =>
    [...all().keys()].filter(path => path.startsWith(`${where.providers(service)}/`));

  /** Whether the node may be believed not to speak against `winner` for this id. */
  const yields = (
    path: string,
    id: string,
    winner: { readonly znode: string; readonly czxid: bigint } | undefined,
    index: bigint,
  ): boolean =>
    since(path, index).some(({ node }) => {
      if (node === undefined || idIn(node.data) !== id) return true;
      return winner !== undefined && compareClaims(winner, { znode: path, czxid: node.czxid }) <= 0;
    });

  const isFresh = (
    service: string,
    id: string,
    known: Known | undefined,
    index: bigint,
  ): boolean => {
    const paths = providerPaths(service);
    if (known === undefined) return paths.every(path => yields(path, id, undefined, index));
    const own = since(known.znode, index).find(({ node }) => node?.mzxid === known.mzxid)?.node;
    if (own === undefined) return false;
    const winner = { znode: known.znode, czxid: own.czxid };
    const others = paths.filter(path => path !== known.znode);
    if (!others.every(path => yields(path, id, winner, index))) return false;
    return since(where.override(service, id), index).some(({ node }) => {
      const by =
        node === undefined ? undefined : (JSON.parse(node.data) as { readonly by: string }).by;
      return by === known.override;
    });
  };

  return {
    /** @throws when the copy of a client that was told `index` lacks a change ≤ `index`. */
    expectFresh(copy: Copy, of: readonly string[], index: bigint, who: string): void {
      for (const service of of) {
        for (const id of ids) {
          const known = copy.get(service)?.get(id);
          if (isFresh(service, id, known, index)) continue;
          throw new Error(`${who} was told ${index}, and has ${shown(known)} of ${service}/${id}`);
        }
      }
    },
    /** @throws when a service's presence is older than `index`. */
    expectPresence(names: ReadonlySet<string>, index: bigint, who: string): void {
      for (const service of services) {
        const has = names.has(service);
        if (since(where.service(service), index).some(({ node }) => (node !== undefined) === has))
          continue;
        throw new Error(`${who} was told ${index}, and ${has ? 'has' : 'lacks'} ${service}`);
      }
    },
    now: zookeeper.zxid,
  };
}

function shown(known: Known | undefined): string {
  if (known === undefined) return 'nothing';
  return `${known.znode} of ${known.mzxid}, override ${known.override ?? 'none'}`;
}

export type ModelTruth = ReturnType<typeof modelTruth>;
