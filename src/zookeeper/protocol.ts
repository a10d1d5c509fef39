import { type JuteReader, JuteWriter } from '../kernel/jute.ts';
import { OP, sealFrame } from '../kernel/wire.ts';
import type { Acl, CreateMode, Stat } from './api.ts';

export { OP, sealFrame, XID } from '../kernel/wire.ts';

/** What `requestCounts` calls each operation. */
const NAMES: ReadonlyMap<number, string> = new Map<number, string>([
  ...Object.entries(OP).map(([name, code]): [number, string] => [code, name]),
  [OP.delete, 'remove'],
  [OP.getChildren2, 'getChildren'],
  [OP.create2, 'create'],
  [OP.createContainer, 'create'],
  [OP.createTtl, 'create'],
]);

export function operationName(op: number): string {
  return NAMES.get(op) ?? `op${op}`;
}

const FRAME_HEADER_BYTES = 12;

/** A request's frame: length, xid (filled in when it is sent), operation, body. */
export function requestFrame(op: number, write?: (writer: JuteWriter) => void): Buffer {
  const writer = new JuteWriter().int(0).int(0).int(op);
  write?.(writer);
  return sealFrame(writer.finish());
}

/** A frame with room for `bodyBytes` after the header, for a body that another codec writes. */
export function emptyFrame(
  op: number,
  bodyBytes: number,
): { readonly frame: Buffer; readonly bodyAt: number } {
  const frame = Buffer.alloc(FRAME_HEADER_BYTES + bodyBytes);
  frame.writeInt32BE(op, 8);
  return { frame: sealFrame(frame), bodyAt: FRAME_HEADER_BYTES };
}

export function setXid(frame: Buffer, xid: number): void {
  frame.writeInt32BE(xid, 4);
}

export interface ReplyHeader {
  readonly xid: number;
  readonly zxid: bigint;
  readonly error: number;
}

export function readReplyHeader(reader: JuteReader): ReplyHeader {
  return { xid: reader.int(), zxid: reader.long(), error: reader.int() };
}

export function readStat(reader: JuteReader): Stat {
  return {
    czxid: reader.long(),
    mzxid: reader.long(),
    ctimeMs: reader.safeLong(),
    mtimeMs: reader.safeLong(),
    version: reader.int(),
    cversion: reader.int(),
    aversion: reader.int(),
    ephemeralOwner: reader.long(),
    dataLengthBytes: reader.int(),
    numChildren: reader.int(),
    pzxid: reader.long(),
  };
}

/** What an empty string takes: bounds how many a list can have. */
export const LEAST_STRING_BYTES = 4;

export function readNames(reader: JuteReader): readonly string[] {
  return reader.vector(() => reader.string() ?? '', LEAST_STRING_BYTES) ?? [];
}

export function writeAcls(writer: JuteWriter, acls: readonly Acl[]): void {
  writer.vector(acls, acl => writer.int(acl.permissions).string(acl.scheme).string(acl.id));
}

interface CreateFlags {
  readonly flags: number;
  readonly op: number;
  readonly ephemeral: boolean;
  readonly sequential: boolean;
  readonly ttl: boolean;
}

/** `CreateMode`'s flags, and the operation that takes them. */
export const CREATE_MODES: Readonly<Record<CreateMode, CreateFlags>> = {
  persistent: { flags: 0, op: OP.create2, ephemeral: false, sequential: false, ttl: false },
  ephemeral: { flags: 1, op: OP.create2, ephemeral: true, sequential: false, ttl: false },
  'persistent-sequential': {
    flags: 2,
    op: OP.create2,
    ephemeral: false,
    sequential: true,
    ttl: false,
  },
  'ephemeral-sequential': {
    flags: 3,
    op: OP.create2,
    ephemeral: true,
    sequential: true,
    ttl: false,
  },
  container: { flags: 4, op: OP.createContainer, ephemeral: false, sequential: false, ttl: false },
  'persistent-ttl': { flags: 5, op: OP.createTtl, ephemeral: false, sequential: false, ttl: true },
  'persistent-sequential-ttl': {
    flags: 6,
    op: OP.createTtl,
    ephemeral: false,
    sequential: true,
    ttl: true,
  },
};

export interface CreateBody {
  readonly path: string;
  readonly data: Buffer;
  readonly acl: readonly Acl[];
  readonly mode: CreateMode;
  readonly ttlMs: number | undefined;
}

/** CreateRequest and CreateTTLRequest. */
export function writeCreate(writer: JuteWriter, body: CreateBody): void {
  const mode = CREATE_MODES[body.mode];
  writer.string(body.path).bytes(body.data);
  writeAcls(writer, body.acl);
  writer.int(mode.flags);
  if (mode.ttl) writer.long(BigInt(body.ttlMs ?? 0));
}
