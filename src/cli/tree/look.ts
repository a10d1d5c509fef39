import { hasCode, RollcallError } from '../../kernel/errors.ts';
import { OPEN_ACL, type Session } from '../../zookeeper/index.ts';
import { sameAcl } from './acl-text.ts';
import type { ExportedNode } from './format.ts';
import { nodeKind } from './node-kind.ts';

/** How the tree stands against an export, node by node, in the export's order. */
export interface Outlook {
  /** Whether the nth node is there already, and the same. */
  readonly fates: readonly Fate[];
  /** Paths that hold something else, some of them. */
  readonly conflicts: readonly string[];
  readonly conflictCount: number;
}

export type Fate = 'missing' | 'same' | 'differs';

/** Nodes that are looked at together: so many, or until they hold so much. */
const AT_ONCE = 256;
const BYTES_AT_ONCE = 8 * 1024 * 1024;
const NAMED = 3;

/**
 * Looks at every node of an export where it would go; writes nothing.
 *
 * @throws RollcallError NODE_EXISTS for an ephemeral node in the way, NO_AUTH for one that may not be looked at.
 */
export async function lookAround(
  session: Session,
  nodes: AsyncIterable<ExportedNode>,
  signal: AbortSignal,
): Promise<Outlook> {
  const fates: Fate[] = [];
  const conflicts: string[] = [];
  let conflictCount = 0;
  let wave: ExportedNode[] = [];
  /** Below a node that is missing nothing is there: it need not be asked for. */
  const missing = new Set<string>();
  const look = async (): Promise<void> => {
    signal.throwIfAborted();
    const seen = await Promise.all(wave.map(node => fateOf(session, node, missing)));
    for (const [index, fate] of seen.entries()) {
      const { path = '' } = wave[index] ?? {};
      fates.push(fate);
      if (fate === 'missing') missing.add(path);
      if (fate !== 'differs') continue;
      conflictCount += 1;
      if (conflicts.length < NAMED) conflicts.push(path);
    }
    wave = [];
  };
  let waveBytes = 0;
  for await (const node of nodes) {
    wave.push(node);
    waveBytes += node.data.length;
    if (wave.length < AT_ONCE && waveBytes < BYTES_AT_ONCE) continue;
    await look();
    waveBytes = 0;
  }
  await look();
  return { fates, conflicts, conflictCount };
}

async function fateOf(
  session: Session,
  { path, data, acl = OPEN_ACL }: ExportedNode,
  missing: ReadonlySet<string>,
): Promise<Fate> {
  if (missing.has(path.slice(0, path.lastIndexOf('/')) || '/')) return 'missing';
  try {
    const stat = await session.exists(path);
    if (stat === undefined) return 'missing';
    if (nodeKind(stat).kind === 'ephemeral')
      throw new RollcallError('NODE_EXISTS', `${path} is there and ephemeral: it is in the way`);
    if (stat.dataLengthBytes !== data.length) return 'differs';
    const [there, rights] = await Promise.all([session.getData(path), session.getAcl(path)]);
    return there.data.equals(data) && sameAcl(rights.acl, acl) ? 'same' : 'differs';
  } catch (error) {
    if (hasCode(error, 'NO_NODE')) return 'missing';
    if (!hasCode(error, 'NO_AUTH')) throw error;
    throw new RollcallError(
      'NO_AUTH',
      `${path} is there and may not be looked at: give --zookeeper-auth FILE with a user who may`,
      { cause: error },
    );
  }
}
