import { createHash } from 'node:crypto';
import { hasCode, RollcallError } from '../../kernel/errors.ts';
import type { Acl, NodeData, Session } from '../../zookeeper/index.ts';
import {
  type ExportedNode,
  type ExportTrailer,
  headerLine,
  nodeLine,
  trailerLine,
} from './format.ts';
import { isOpen } from './acl-text.ts';
import { nodeKind, sequenceCounter } from './node-kind.ts';

/** Nodes that are read at one time: what is held in memory is bounded by it. */
const AT_ONCE = 64;

export interface ExportPlan {
  readonly root: string;
  /** For people. */
  readonly at: string;
  /** Whether `path` is ZooKeeper's own (quotas, configuration): it is left out. */
  readonly isBuiltIn: (path: string) => boolean;
  readonly write: (text: string) => Promise<void>;
}

export interface ExportReport extends ExportTrailer {
  /** Whether anything was written, anywhere in ZooKeeper, while the tree was read. */
  readonly moved: boolean;
}

type Read =
  | { readonly kind: 'vanished' | 'ephemeral' }
  | {
      readonly kind: 'node';
      readonly node: ExportedNode;
      readonly children: readonly string[];
    };

/**
 * Writes what is persistent from `root` on, parents before their children, siblings by name. Each node is as it was when it was
 * read: ZooKeeper has no picture of a whole tree at one moment.
 *
 * @throws RollcallError NO_NODE when there is no root, NO_AUTH when a node may not be read whole: what was written has no end then.
 */
export async function exportTree(session: Session, plan: ExportPlan): Promise<ExportReport> {
  const { root, at, isBuiltIn } = plan;
  await session.sync(root);
  const sum = createHash('sha256');
  const write = async (text: string): Promise<void> => {
    sum.update(text);
    await plan.write(text);
  };
  const zxid = session.lastZxid;
  const counts = { nodes: 0, ephemerals: 0, vanished: 0 };
  const first = await readNode(session, root);
  if (first.kind !== 'node') throw noRoot(root, first.kind);
  await write(headerLine({ root, at, zxid: String(zxid) }));
  /** Found and not yet read; the next ones stand at the end. */
  const waiting: string[] = [];
  let wave: readonly Read[] = [first];
  while (wave.length > 0) {
    let lines = '';
    const found: string[] = [];
    for (const read of wave) {
      if (read.kind === 'node') {
        counts.nodes += 1;
        lines += nodeLine(read.node);
        found.push(...read.children);
      } else if (read.kind === 'ephemeral') counts.ephemerals += 1;
      else counts.vanished += 1;
    }
    await write(lines);
    for (const path of found.filter(each => !isBuiltIn(each)).reverse()) waiting.push(path);
    const next = waiting.splice(Math.max(0, waiting.length - AT_ONCE)).reverse();
    wave = await Promise.all(next.map(path => readNode(session, path)));
  }
  const end = { ...counts, zxid: String(session.lastZxid), sha256: sum.digest('hex') };
  await plan.write(trailerLine(end));
  return { end: true, ...end, moved: session.lastZxid !== zxid };
}

async function readNode(session: Session, path: string): Promise<Read> {
  const answers = await ask(session, path);
  if (typeof answers === 'string') return { kind: answers };
  const { data, stat, acl, children } = answers;
  const life = nodeKind(stat);
  const mode =
    life.kind === 'ttl'
      ? { ttlMs: life.ttlMs }
      : life.kind === 'container'
        ? life.kind
        : 'persistent';
  const prefix = path === '/' ? '/' : `${path}/`;
  return {
    kind: 'node',
    node: { path, data, acl: wholeAcl(path, acl), mode, counter: sequenceCounter(stat) },
    children: children.toSorted().map(name => prefix + name),
  };
}

interface Answers extends NodeData {
  readonly acl: readonly Acl[];
  readonly children: readonly string[];
}

async function ask(session: Session, path: string): Promise<Answers | 'vanished' | 'ephemeral'> {
  try {
    const { data, stat } = await session.getData(path);
    if (nodeKind(stat).kind === 'ephemeral') return 'ephemeral';
    const hasChildren = stat.numChildren > 0;
    const [{ acl }, { children }] = await Promise.all([
      session.getAcl(path),
      hasChildren ? session.getChildren(path) : { children: [] },
    ]);
    return { data, stat, acl, children };
  } catch (error) {
    if (hasCode(error, 'NO_NODE')) return 'vanished';
    if (hasCode(error, 'NO_AUTH')) throw unreadable(path, 'it may not be read', error);
    throw error;
  }
}

/** Who may not administer a node is shown its users without their digests: such an ACL would lock everybody out. */
function wholeAcl(path: string, acl: readonly Acl[]): readonly Acl[] | undefined {
  if (isOpen(acl)) return undefined;
  const masked = acl.find(({ scheme, id }) => scheme === 'digest' && id.endsWith(':x'));
  if (masked !== undefined) throw unreadable(path, 'its ACL is not shown to us');
  return acl;
}

function unreadable(path: string, why: string, cause?: unknown): RollcallError {
  return new RollcallError(
    'NO_AUTH',
    `${path} cannot be exported: ${why}: give --zookeeper-auth FILE with a user who may administer it`,
    cause === undefined ? {} : { cause },
  );
}

function noRoot(root: string, kind: 'vanished' | 'ephemeral'): RollcallError {
  if (kind === 'ephemeral')
    return new RollcallError(
      'BAD_ARGUMENTS',
      `${root} is ephemeral: there is nothing to keep of it`,
    );
  return noNode(root);
}

export function noNode(path: string): RollcallError {
  return new RollcallError('NO_NODE', `there is no ${path} in this ZooKeeper`);
}
