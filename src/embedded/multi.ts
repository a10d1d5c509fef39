import type { JuteReader, JuteWriter } from '../kernel/jute.ts';
import { OP } from '../kernel/wire.ts';
import type { Database, Outcome } from './database.ts';
import type { Caller, WriteRequest } from './decide.ts';
import { malformed, type MultiItem, readMulti, readPath, readWrite } from './decode.ts';
import { writeStat } from './encode.ts';
import { ERROR } from './error-code.ts';
import { type Answer, readChildren, readData } from './reads.ts';
import type { Watcher } from './watches.ts';

const CONTAINER_FLAG = 4;
const TTL_FLAGS: ReadonlySet<number> = new Set([5, 6]);

/** The writes that a transaction may hold: all but that of rights. */
export const IN_MULTI: ReadonlySet<number> = new Set([
  OP.create,
  OP.create2,
  OP.createContainer,
  OP.createTtl,
  OP.delete,
  OP.setData,
  OP.check,
]);

/** @throws RollcallError MALFORMED_PACKET when it does not parse, or holds what a transaction cannot. */
export function readTransaction(body: JuteReader): readonly MultiItem<WriteRequest>[] {
  return readMulti(body, (op, reader) => (IN_MULTI.has(op) ? inMulti(op, reader) : undefined));
}

/** Here a node is what its flag says, whichever operation carries it. */
function inMulti(op: number, reader: JuteReader): WriteRequest | undefined {
  const request = readWrite(op, reader);
  if (request?.kind !== 'create' || TTL_FLAGS.has(request.flags)) return request;
  const isContainer = request.flags === CONTAINER_FLAG;
  return { ...request, op: isContainer ? 'createContainer' : 'create', ttlMs: undefined };
}

/** Runs a transaction. Its answer carries no error of its own: each step has one. */
export function runTransaction(
  database: Database,
  caller: Caller,
  items: readonly MultiItem<WriteRequest>[],
): Answer {
  const outcomes = database.writeAll(
    items.map(({ request }) => request),
    caller,
  );
  const failed = outcomes.some(({ error }) => error !== ERROR.ok);
  return writer => {
    for (const [index, outcome] of outcomes.entries()) {
      if (failed) writeError(writer, outcome.error);
      else writeStep(writer, items[index], outcome);
    }
    writeEnd(writer);
  };
}

/** A create in a transaction is answered by its path; the kinds that came later also by the stat, and all as create2. */
function writeStep(
  writer: JuteWriter,
  item: MultiItem<WriteRequest> | undefined,
  outcome: Outcome,
): void {
  if (item === undefined || outcome.error !== ERROR.ok) return;
  const { request } = item;
  const isCreate = request.kind === 'create';
  const isPlain = isCreate && request.op === 'create';
  writeHeader(writer, isPlain ? OP.create : isCreate ? OP.create2 : item.op, ERROR.ok);
  if (isCreate) writer.string(outcome.path);
  if (outcome.stat !== undefined && !isPlain && request.kind !== 'check')
    writeStat(writer, outcome.stat);
}

/** Answers of a multiRead that are larger end the connection: one request must not fill the memory. */
export const MAX_ANSWER_BYTES = 64 * 1024 * 1024;

/**
 * Reads data and children of many nodes; an error is one item's own. Watches are not set.
 *
 * @throws RollcallError MALFORMED_PACKET when it does not parse.
 */
export function runReads(database: Database, caller: Caller & Watcher, body: JuteReader): Answer {
  const answers = readMulti(body, (op, reader) => readItem(database, caller, op, reader));
  return writer => {
    for (const { op, request: answer } of answers) {
      if (typeof answer === 'number') writeError(writer, answer);
      else {
        writeHeader(writer, op, ERROR.ok);
        answer(writer);
      }
      if (writer.lengthBytes > MAX_ANSWER_BYTES) throw malformed('it asks for too much at once');
    }
    writeEnd(writer);
  };
}

/** The watch flag is read, and not heeded, as in ZooKeeper. */
function readItem(
  database: Database,
  caller: Caller & Watcher,
  op: number,
  reader: JuteReader,
): Answer | undefined {
  if (op !== OP.getData && op !== OP.getChildren) return undefined;
  const path = readPath(reader);
  reader.bool();
  if (op === OP.getData) return readData(database, caller, path, false);
  return readChildren(database, caller, path, { watch: false, withStat: false });
}

function writeHeader(writer: JuteWriter, op: number, error: number): void {
  writer.int(op).bool(false).int(error);
}

function writeError(writer: JuteWriter, error: number): void {
  writeHeader(writer, OP.error, error);
  writer.int(error);
}

function writeEnd(writer: JuteWriter): void {
  writer.int(OP.error).bool(true).int(-1);
}
