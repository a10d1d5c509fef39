import { errorText, RollcallError } from '../../kernel/errors.ts';
import { JuteReader } from '../../kernel/jute.ts';
import { applyChange, type Transaction } from '../change.ts';
import type { Tree } from '../tree.ts';
import { type FileContent, type FileHead, FORMAT, readFrames } from './frames.ts';
import { readSnapshot } from './snapshot-codec.ts';
import { readTransaction } from './transaction-codec.ts';

export interface NamedBytes {
  readonly name: string;
  readonly bytes: Buffer;
}

export interface Recovered {
  readonly tree: Tree;
  readonly zxid: number;
  readonly secret: Buffer;
  readonly sessions: Map<bigint, number>;
  /** The last log: how much of it is whole, and how to go on with it; undefined when one must be begun. */
  readonly lastLog:
    | { readonly name: string; readonly head: FileHead; readonly wholeBytes: number }
    | undefined;
  /** A log after it of which not even the head was finished: nothing was ever written to it, and it must go. */
  readonly unfinished: string | undefined;
  /** Bytes of a write that was never finished, at the end of the last log. Nobody was told of it. */
  readonly tornBytes: number;
}

/**
 * What a server knew, from its newest snapshot and the logs since then, oldest first. Pure.
 *
 * @throws RollcallError ZOOKEEPER_UNAVAILABLE naming the file and the byte, when something that had been acknowledged cannot be
 * read. It is never passed over: the nodes of others would vanish.
 */
export function recover(snapshot: NamedBytes, logs: readonly NamedBytes[]): Recovered {
  const content = whole(snapshot, readFrames('snapshot', snapshot.bytes));
  if (content.tornBytes > 0) throw damaged(snapshot.name, content.wholeBytes, 'it ends too early');
  const state = parsed(snapshot.name, content.payloads.length, () =>
    readSnapshot(content.payloads),
  );
  let { zxid } = state;
  let lastLog: Recovered['lastLog'];
  let tornBytes = 0;
  const contents = logs.map(log => ({ log, read: readFrames('log', log.bytes) }));
  // the log before it was never ended for it: that one is gone on with
  const unfinished = contents.at(-1)?.read.kind === 'unfinished' ? contents.pop() : undefined;
  for (const [index, { log, read }] of contents.entries()) {
    const isLast = index === contents.length - 1;
    const frames = whole(log, read);
    if (frames.tornBytes > 0 && !isLast)
      throw damaged(log.name, frames.wholeBytes, 'it ends too early, and a later log follows');
    for (const payload of frames.payloads)
      zxid = parsed(log.name, frames.wholeBytes, () => replay(payload, state, zxid));
    lastLog = { name: log.name, head: frames.head, wholeBytes: frames.wholeBytes };
    ({ tornBytes } = frames);
  }
  return { ...state, zxid, lastLog, unfinished: unfinished?.log.name, tornBytes };
}

function replay(
  payload: Buffer,
  state: { readonly tree: Tree; readonly sessions: Map<bigint, number> },
  lastZxid: number,
): number {
  let zxid = lastZxid;
  const reader = new JuteReader(payload);
  while (reader.remainingBytes > 0) {
    const transaction = readTransaction(reader);
    if (transaction.zxid <= zxid) continue; // the snapshot has it
    if (transaction.zxid !== zxid + 1)
      throw new RollcallError(
        'MALFORMED_PACKET',
        `after zxid ${zxid} comes ${transaction.zxid}: something is missing`,
      );
    replayOne(transaction, state);
    ({ zxid } = transaction);
  }
  return zxid;
}

function replayOne(
  { zxid, timeMs, changes }: Transaction,
  { tree, sessions }: { readonly tree: Tree; readonly sessions: Map<bigint, number> },
): void {
  for (const change of changes) {
    applyChange(tree, change, zxid, timeMs);
    if (change.kind === 'open-session') sessions.set(change.sessionId, change.timeoutMs);
    else if (change.kind === 'close-session') sessions.delete(change.sessionId);
  }
}

function whole(
  { name, bytes }: NamedBytes,
  content: FileContent,
): Extract<FileContent, { kind: 'readable' }> {
  if (content.kind === 'readable') return content;
  if (content.kind === 'damaged') throw damaged(name, content.atByte, content.what);
  if (content.kind === 'foreign')
    throw new RollcallError(
      'ZOOKEEPER_UNAVAILABLE',
      `${name} is of format ${content.format}, and this version reads format ${FORMAT}: start the version that wrote it`,
      { details: { file: name } },
    );
  throw damaged(name, bytes.length, 'it ends too early');
}

function parsed<T>(name: string, atByte: number, read: () => T): T {
  try {
    return read();
  } catch (error) {
    throw damaged(name, atByte, errorText(error));
  }
}

function damaged(name: string, atByte: number, what: string): RollcallError {
  return new RollcallError(
    'ZOOKEEPER_UNAVAILABLE',
    `${name} is damaged at byte ${atByte}: ${what}. What it held was acknowledged, so this server does not start without it: ` +
      'put back a copy of the data folder, or move the folder away to begin with an empty tree',
    { details: { file: name, atByte } },
  );
}
