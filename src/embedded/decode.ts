import { RollcallError } from '../kernel/errors.ts';
import { type JuteReader, JuteWriter } from '../kernel/jute.ts';
import { OP } from '../kernel/wire.ts';
import { type Acl, OPEN_ACL } from './acl.ts';
import type { CreateRequest, WriteRequest } from './decide.ts';
import { writeAcl } from './encode.ts';

const LEAST_ACL_BYTES = 12;

const OPEN_ACL_BYTES = writeAcl(new JuteWriter(), OPEN_ACL).finish();

/** A path that must be there. @throws RollcallError MALFORMED_PACKET when it is null. */
export function readPath(reader: JuteReader): string {
  const path = reader.string();
  if (path === undefined) throw malformed('a path is null');
  return path;
}

/** The open one, which most nodes have, is known by its bytes: it is one list for all of them. */
export function readAcl(reader: JuteReader): readonly Acl[] | undefined {
  if (reader.skipIf(OPEN_ACL_BYTES)) return OPEN_ACL;
  return reader.vector(
    () => ({ permissions: reader.int(), scheme: reader.string(), id: reader.string() }),
    LEAST_ACL_BYTES,
  );
}

const CREATES: ReadonlyMap<number, CreateRequest['op']> = new Map([
  [OP.create, 'create'],
  [OP.create2, 'create'],
  [OP.createContainer, 'createContainer'],
  [OP.createTtl, 'createTtl'],
] as const);

/**
 * The body of a write, or undefined when `op` is none.
 *
 * @throws RollcallError MALFORMED_PACKET when it does not parse.
 */
export function readWrite(op: number, reader: JuteReader): WriteRequest | undefined {
  const create = CREATES.get(op);
  if (create !== undefined) return readCreate(create, reader);
  switch (op) {
    case OP.delete:
      return { kind: 'delete', path: readPath(reader), version: reader.int() };
    case OP.setData:
      return {
        kind: 'set-data',
        path: readPath(reader),
        data: reader.bytes(),
        version: reader.int(),
      };
    case OP.setAcl:
      return {
        kind: 'set-acl',
        path: readPath(reader),
        acl: readAcl(reader),
        version: reader.int(),
      };
    case OP.check:
      return { kind: 'check', path: readPath(reader), version: reader.int() };
    default:
      return undefined;
  }
}

function readCreate(op: CreateRequest['op'], reader: JuteReader): CreateRequest {
  const path = readPath(reader);
  const data = reader.bytes();
  const acl = readAcl(reader);
  const flags = reader.int();
  const ttlMs = op === 'createTtl' ? reader.safeLong() : undefined;
  return { kind: 'create', path, data, acl, flags, ttlMs, op };
}

/** One item of a multi or multiRead: its operation, as the client named it. */
export interface MultiItem<T> {
  readonly op: number;
  readonly request: T;
}

/**
 * The items of a multi or multiRead, each read by `read` (which gives undefined for what has no place there).
 *
 * @throws RollcallError MALFORMED_PACKET when it does not parse.
 */
export function readMulti<T>(
  reader: JuteReader,
  read: (op: number, reader: JuteReader) => T | undefined,
): readonly MultiItem<T>[] {
  const items: MultiItem<T>[] = [];
  for (;;) {
    const op = reader.int();
    const done = reader.bool();
    reader.int();
    if (done) return items;
    const request = read(op, reader);
    if (request === undefined) throw malformed(`operation ${op} has no place in it`);
    items.push({ op, request });
  }
}

export function malformed(what: string): RollcallError {
  return new RollcallError('MALFORMED_PACKET', `the request does not parse: ${what}`);
}
