import type { Clock } from '../../kernel/clock.ts';
import { errorText, hasCode, isRollcallError, RollcallError } from '../../kernel/errors.ts';
import type { Session } from '../../zookeeper/index.ts';
import { batchesOf, type Write } from './batches.ts';
import { committer } from './commit.ts';
import type { ExportedNode, ExportHeader } from './format.ts';
import { type Fate, lookAround, type Outlook } from './look.ts';
import { sequenceCounter } from './node-kind.ts';
import { type Sequence, type Sequences, sequences } from './sequences.ts';

export interface ImportPlan {
  readonly header: ExportHeader;
  /** The nodes of a checked export; it is gone through twice. */
  readonly nodes: () => AsyncIterable<ExportedNode>;
  readonly overwrite: boolean;
  readonly clock: Clock;
  /** Ends the import between two transactions. */
  readonly signal: AbortSignal;
}

export interface ImportReport {
  readonly created: number;
  readonly replaced: number;
  /** Were there already, with the same data and rights. */
  readonly same: number;
  /** Directories whose next sequential node gets a lower number than it would have had. */
  readonly renumbered: readonly Renumbered[];
}

export interface Renumbered extends Sequence {
  /** The next number now. */
  readonly next: number;
}

const MAX_WRITES = 500;

/**
 * Writes the nodes of an export to where they were, each with its data and its rights, parents first, in transactions. What is there
 * and the same is left alone: an import that was broken off is taken up by making it again.
 *
 * @throws RollcallError NODE_EXISTS before anything is written, when something else is there and is not to be overwritten; any other
 * failure says how much is written.
 */
export async function importTree(session: Session, plan: ImportPlan): Promise<ImportReport> {
  const { header, nodes, overwrite } = plan;
  const outlook = await lookAround(session, nodes(), plan.signal);
  const fates = [...outlook.fates];
  if (!overwrite) refuseConflicts(outlook);
  await makeRoot(session, header.root, fates);
  const counts = { created: 0, replaced: 0 };
  const numbers = sequences();
  const commit = committer(session, plan.clock);
  const limits = { maxBytes: Math.floor(session.maxPacketBytes / 2), maxWrites: MAX_WRITES };
  for await (const batch of batchesOf(writesOf(nodes(), fates, numbers), limits)) {
    try {
      plan.signal.throwIfAborted();
      await commit(batch);
    } catch (error) {
      throw brokenOff(error, counts.created + counts.replaced, batch);
    }
    for (const { step, node } of batch) {
      counts[step === 'create' ? 'created' : 'replaced'] += 1;
      if (step === 'create') numbers.made(node.path);
    }
  }
  return {
    ...counts,
    same: fates.filter(fate => fate === 'same').length,
    renumbered: await renumbered(session, numbers.behind()),
  };
}

function refuseConflicts({ conflicts, conflictCount }: Outlook): void {
  if (conflictCount === 0) return;
  const more = conflictCount > conflicts.length ? ', …' : '';
  throw new RollcallError(
    'NODE_EXISTS',
    `${conflictCount} of these nodes are there with other data or rights (${conflicts.join(', ')}${more}): nothing was written; --overwrite replaces them`,
  );
}

/** The way to the root is no part of the export; `/` itself can only be missing as a chroot. */
async function makeRoot(session: Session, root: string, fates: Fate[]): Promise<void> {
  if (fates[0] !== 'missing') return;
  if (root === '/') {
    await session.ensurePath('/');
    fates[0] = 'differs';
  } else {
    await session.ensurePath(root.slice(0, root.lastIndexOf('/')) || '/');
  }
}

async function* writesOf(
  nodes: AsyncIterable<ExportedNode>,
  fates: readonly Fate[],
  numbers: Sequences,
): AsyncGenerator<Write> {
  let index = 0;
  for await (const node of nodes) {
    const fate = fates[index];
    index += 1;
    if (fate === undefined)
      throw new RollcallError('MALFORMED_RECORD', 'the export has grown while it was read');
    numbers.found(node.path, node.counter);
    if (fate !== 'same') yield { node, step: fate === 'missing' ? 'create' : 'replace' };
  }
  if (index < fates.length)
    throw new RollcallError('MALFORMED_RECORD', 'the export has shrunk while it was read');
}

async function renumbered(
  session: Session,
  behind: readonly Sequence[],
): Promise<readonly Renumbered[]> {
  const found: Renumbered[] = [];
  for (const sequence of behind) {
    const stat = await session.exists(sequence.path);
    const next = stat === undefined ? sequence.counter : sequenceCounter(stat);
    if (next < sequence.counter) found.push({ ...sequence, next });
  }
  return found;
}

function brokenOff(error: unknown, written: number, batch: readonly Write[]): RollcallError {
  const code = isRollcallError(error) && error.code !== 'INTERNAL' ? error.code : 'SERVER_ERROR';
  const perhaps = hasCode(error, 'CONNECTION_LOSS', 'SESSION_LOST')
    ? `, ${batch.length} more may be`
    : '';
  return new RollcallError(
    code,
    `${errorText(error)}; ${written} nodes are written, those before ${batch[0]?.node.path}${perhaps}; import it again when that is mended: what is written is left alone then`,
    { cause: error },
  );
}
