import { hasCode } from '../kernel/errors.ts';
import type { JuteReader } from '../kernel/jute.ts';
import { OP, sealFrame } from '../kernel/wire.ts';
import type { Database, Outcome } from './database.ts';
import type { Caller, WriteRequest } from './decide.ts';
import { readWrite } from './decode.ts';
import { bareReply, replyWriter, writeStat } from './encode.ts';
import { ERROR } from './error-code.ts';
import { IN_MULTI, readTransaction, runReads, runTransaction } from './multi.ts';
import { type Answer, READERS } from './reads.ts';
import { WATCH_REQUESTS } from './watch-requests.ts';
import type { Watcher } from './watches.ts';

const WRITES: ReadonlySet<number> = new Set([...IN_MULTI, OP.setAcl]);

/** Whether this server knows the operation. One that it does not know ends the connection, after an answer that says so. */
export function isKnown(op: number): boolean {
  return (
    WRITES.has(op) ||
    READERS.has(op) ||
    WATCH_REQUESTS.has(op) ||
    op === OP.multi ||
    op === OP.multiRead ||
    op === OP.reconfig
  );
}

/**
 * Does what a client asks, and returns the whole reply. Every event that it sets off, on any connection, has been handed over
 * before: queued behind it, the reply cannot show a change before the change was told.
 */
export function runRequest(
  database: Database,
  caller: Caller & Watcher,
  request: { readonly xid: number; readonly op: number; readonly body: JuteReader },
): Buffer {
  const { xid, op, body } = request;
  const answer = answerTo(database, caller, op, body);
  if (typeof answer === 'number') return bareReply(xid, database.zxid, answer);
  const writer = replyWriter(xid, database.zxid, ERROR.ok);
  answer(writer);
  return sealFrame(writer.finish());
}

function answerTo(
  database: Database,
  caller: Caller & Watcher,
  op: number,
  body: JuteReader,
): Answer {
  if (op === OP.reconfig) {
    database.burn();
    return ERROR.reconfigDisabled;
  }
  const read =
    READERS.get(op) ?? WATCH_REQUESTS.get(op) ?? (op === OP.multiRead ? runReads : undefined);
  try {
    if (read !== undefined) return read(database, caller, body);
    const write = op === OP.multi ? undefined : readWrite(op, body);
    if (write !== undefined) return runWrite(database, caller, op, write);
    return runTransaction(database, caller, readTransaction(body));
  } catch (error) {
    if (!hasCode(error, 'MALFORMED_PACKET')) throw error;
    if (read === undefined) database.burn();
    return ERROR.marshalling;
  }
}

function runWrite(database: Database, caller: Caller, op: number, request: WriteRequest): Answer {
  const outcome = database.write(request, caller);
  return outcome.error === ERROR.ok ? writeAnswer(op, request, outcome) : outcome.error;
}

function writeAnswer(
  op: number,
  request: WriteRequest,
  outcome: Extract<Outcome, { error: 0 }>,
): Answer {
  const { path, stat } = outcome;
  return writer => {
    if (request.kind === 'create') writer.string(path);
    if (stat !== undefined && op !== OP.create && op !== OP.check) writeStat(writer, stat);
  };
}
