import type { Session, ZnodePath } from '../../src/zookeeper/api.ts';
import type {
  Mirror,
  MirrorBatch,
  MirrorNode,
  NodeChange,
} from '../../src/zookeeper/mirror-api.ts';
import { nodeChanges } from '../../src/zookeeper/mirror-changes.ts';
import { childOf } from '../../src/zookeeper/mirror-paths.ts';

export interface Facts {
  readonly czxid: bigint;
  readonly mzxid: bigint;
  readonly pzxid: bigint;
  readonly version: number;
  readonly ephemeralOwner: bigint;
  readonly data: string;
}

export type Facsimile = ReadonlyMap<ZnodePath, Facts>;

interface Sample {
  readonly watermark: bigint;
  readonly nodes: ReadonlyMap<ZnodePath, Pick<Facts, 'czxid' | 'mzxid'>>;
}

/** A write that ZooKeeper has done. */
export interface Written {
  readonly path: ZnodePath;
  readonly zxid: bigint;
  readonly kind: 'put' | 'removed';
}

/** Follows a mirror as a consumer would: a copy made of its batches alone, and what W claimed at every moment. */
export interface MirrorRecord {
  /** What the batches say, played from empty. */
  readonly replayed: Facsimile;
  readonly batches: readonly MirrorBatch[];
  /** Where a batch did not fit what came before it, or W went back. */
  readonly faults: readonly string[];
  sample(): void;
  /** Each sampled W that claims a write which had not been delivered. */
  falseClaims(writes: readonly Written[]): readonly string[];
}

export function recordMirror(mirror: Mirror, session: Session): MirrorRecord {
  const replayed = new Map<ZnodePath, Facts>();
  const batches: MirrorBatch[] = [];
  const faults: string[] = [];
  const samples: Sample[] = [];
  let before = 0n;

  const sample = (): void => {
    const { watermark } = mirror;
    if (watermark < before) faults.push(`W went back from ${before} to ${watermark}`);
    before = watermark;
    samples.push({ watermark, nodes: new Map(replayed) });
  };

  mirror.onBatch(batch => {
    batches.push(batch);
    for (const change of nodeChanges(batch.changes)) replay(replayed, change, faults);
    if (batch.watermarkBefore < (samples.at(-1)?.watermark ?? 0n))
      faults.push('a batch whose watermark is below one that was claimed before');
    sample();
  });
  mirror.onWatermark(sample);
  session.onZxid(sample);
  session.onAttached(sample);

  const falseClaims = (writes: readonly Written[]): readonly string[] => {
    const byPath = group(writes);
    return samples.flatMap(({ watermark, nodes }) =>
      [...byPath].flatMap(
        ([path, ofPath]) => claimFault(path, ofPath, watermark, nodes.get(path)) ?? [],
      ),
    );
  };

  return { replayed, batches, faults, sample, falseClaims };
}

function group(writes: readonly Written[]): ReadonlyMap<ZnodePath, readonly Written[]> {
  const byPath = new Map<ZnodePath, Written[]>();
  for (const write of writes) byPath.set(write.path, [...(byPath.get(write.path) ?? []), write]);
  return byPath;
}

function claimFault(
  path: ZnodePath,
  writes: readonly Written[],
  watermark: bigint,
  node: Pick<Facts, 'czxid' | 'mzxid'> | undefined,
): string | undefined {
  const claimed = writes.filter(({ zxid }) => zxid <= watermark).at(-1);
  if (claimed === undefined) return undefined;
  const removedLater = writes.some(({ kind, zxid }) => kind === 'removed' && zxid > claimed.zxid);
  const isDelivered =
    claimed.kind === 'put'
      ? node === undefined
        ? removedLater
        : node.mzxid >= claimed.zxid
      : node === undefined || node.czxid > claimed.zxid;
  return isDelivered
    ? undefined
    : `W = ${watermark} claims ${path} ${claimed.kind} at ${claimed.zxid}`;
}

function factsOf(node: MirrorNode, data: string): Facts {
  const { czxid, mzxid, pzxid, version, ephemeralOwner } = node;
  return { czxid, mzxid, pzxid, version, ephemeralOwner, data };
}

function replay(into: Map<ZnodePath, Facts>, change: NodeChange, faults: string[]): void {
  const { path } = change.node;
  const held = into.get(path);
  switch (change.kind) {
    case 'put':
      if ((change.previous === undefined) !== (held === undefined))
        faults.push(`put ${path} with a wrong previous`);
      if (change.previous !== undefined && change.previous.mzxid !== held?.mzxid)
        faults.push(`put ${path} after another one than it says`);
      into.set(path, factsOf(change.node, change.data.toString()));
      break;
    case 'gone':
      if (held?.mzxid !== change.node.mzxid)
        faults.push(`gone ${path}, which is not what was there`);
      if (change.zxid <= change.node.mzxid) faults.push(`gone ${path} before it was written last`);
      into.delete(path);
      break;
    case 'directory':
      if (held === undefined) faults.push(`directory ${path}, which is not there`);
      else into.set(path, factsOf(change.node, held.data));
      break;
    default:
      throw new Error(`unknown change ${String(change satisfies never)}`);
  }
}

/** What the mirror itself answers. */
export function mirrored(mirror: Mirror, root: ZnodePath): Facsimile {
  const all = new Map<ZnodePath, Facts>();
  const visit = (path: ZnodePath): void => {
    const node = mirror.get(path);
    if (node !== undefined) all.set(path, factsOf(node, node.data?.toString() ?? ''));
    for (const name of mirror.children(path)) visit(childOf(path, name));
  };
  visit(root);
  return all;
}

/** The truth, read node by node by another session. */
export async function readDirectly(session: Session, root: ZnodePath): Promise<Facsimile> {
  const all = new Map<ZnodePath, Facts>();
  const visit = async (path: ZnodePath): Promise<void> => {
    const { data, stat } = await session.getData(path);
    const { czxid, mzxid, pzxid, version, ephemeralOwner } = stat;
    all.set(path, { czxid, mzxid, pzxid, version, ephemeralOwner, data: data.toString() });
    const { children } = await session.getChildren(path);
    await Promise.all(children.map(name => visit(childOf(path, name))));
  };
  await visit(root);
  return all;
}
