import { z } from 'zod';
import type { Layout } from '../registry/index.ts';
import {
  type MirrorBatch,
  type MirrorNode,
  nodeChanges,
  type ZnodePath,
} from '../zookeeper/index.ts';
import type { AggregatorMember, AggregatorsSnapshot, ViewState } from './ports.ts';

export const MEMBER_VERSION = 1;

/** What an aggregator writes of itself. Of several releases at once: unknown fields are passed over, a higher `v` is read. */
const MemberSchema = z.object({
  v: z.number().min(1),
  id: z.string().min(1),
  address: z.string().catch(''),
  version: z.string().catch(''),
  view: z.enum(['syncing', 'live', 'stale']).or(z.literal('unknown')).catch('unknown'),
});

export interface MemberFacts {
  readonly id: string;
  readonly address: string;
  readonly version: string;
  readonly view: ViewState['kind'];
  /** ISO 8601: when it entered this state of its view. */
  readonly at: string;
}

export function encodeMember(facts: MemberFacts): Buffer {
  return Buffer.from(JSON.stringify({ v: MEMBER_VERSION, ...facts }));
}

type Member = Omit<AggregatorMember, 'master'> & { readonly czxid: bigint };

/** undefined of a node that no aggregator of ours wrote: it is skipped. */
export function decodeMember(
  bytes: Buffer,
  node: Pick<MirrorNode, 'czxid' | 'ctimeMs'>,
): Member | undefined {
  let json: unknown;
  try {
    json = JSON.parse(bytes.toString('utf8'));
  } catch {
    return undefined;
  }
  const parsed = MemberSchema.safeParse(json);
  if (!parsed.success) return undefined;
  const { id, address, version, view } = parsed.data;
  return {
    id,
    address,
    version,
    view,
    czxid: node.czxid,
    since: new Date(node.ctimeMs).toISOString(),
  };
}

interface Latch {
  readonly id: string;
  readonly token: bigint;
  readonly sequence: number;
}

/** What follows the latch's base name, as Curator reads it; negative once ZooKeeper's counter has overflowed. */
function latchSequence(name: string): number | undefined {
  const found = /^[^/]*latch-(-?\d{9,10})$/.exec(name);
  return found === null ? undefined : Number(found[1]);
}

/** The aggregators and their master, as the mirrored trees show them. */
export interface MemberDirectory {
  /** Takes in a batch; tells whether the snapshot is another one now. */
  apply(batch: MirrorBatch): boolean;
  /** The member asked answers for itself. The same object until something changes. */
  snapshot(ownView: ViewState['kind']): AggregatorsSnapshot;
}

const youngestOfEach = (members: Iterable<Member>): readonly Member[] => {
  const byId = new Map<string, Member>();
  for (const member of members) {
    const known = byId.get(member.id);
    if (known === undefined || known.czxid < member.czxid) byId.set(member.id, member);
  }
  return [...byId.values()].sort((a, b) => (a.id < b.id ? -1 : 1));
};

/** The lowest sequence leads. */
function leader(latches: Iterable<Latch>): Latch | undefined {
  let first: Latch | undefined;
  for (const latch of latches) {
    if (first === undefined || latch.sequence < first.sequence) first = latch;
  }
  return first;
}

export function memberDirectory(where: Layout, self: string): MemberDirectory {
  const members = new Map<ZnodePath, Member>();
  const latches = new Map<ZnodePath, Latch>();
  let cached:
    | { readonly ownView: ViewState['kind']; readonly snapshot: AggregatorsSnapshot }
    | undefined;

  const putLatch = (node: MirrorNode, data: Buffer): boolean => {
    const sequence = latchSequence(node.name);
    if (sequence === undefined) return false;
    latches.set(node.path, { id: data.toString('utf8'), token: node.czxid, sequence });
    return true;
  };

  const putMember = (node: MirrorNode, data: Buffer): boolean => {
    const member = decodeMember(data, node);
    if (member === undefined) return members.delete(node.path);
    members.set(node.path, member);
    return true;
  };

  const isWanted = (directory: ZnodePath): boolean =>
    directory === where.members || directory === where.election;

  const put = (node: MirrorNode, data: Buffer): boolean =>
    node.parent === where.members ? putMember(node, data) : putLatch(node, data);

  return {
    apply(batch) {
      let changed = false;
      for (const change of nodeChanges(batch.changes, isWanted)) {
        const { node } = change;
        if (change.kind === 'put') changed = put(node, change.data) || changed;
        if (change.kind !== 'gone') continue;
        const [member, latch] = [members.delete(node.path), latches.delete(node.path)];
        changed = member || latch || changed;
      }
      if (changed) cached = undefined;
      return changed;
    },
    snapshot(ownView) {
      if (cached?.ownView === ownView) return cached.snapshot;
      const latch = leader(latches.values());
      const snapshot: AggregatorsSnapshot = {
        self,
        members: youngestOfEach(members.values()).map(({ czxid: _czxid, ...member }) => ({
          ...member,
          master: member.id === latch?.id,
          view: member.id === self ? ownView : member.view,
        })),
        master: latch && { id: latch.id, token: latch.token },
      };
      cached = { ownView, snapshot };
      return snapshot;
    },
  };
}
