import { JuteWriter } from '../kernel/jute.ts';
import { sealFrame, XID } from '../kernel/wire.ts';
import type { Acl } from './acl.ts';
import type { Znode } from './tree.ts';
import type { EventType } from './watches.ts';

const TWO_32 = 2 ** 32;

/** A long that is a safe integer: without a bigint on the way. */
export function writeNumber(writer: JuteWriter, value: number): JuteWriter {
  return writer.int(Math.floor(value / TWO_32)).int(value | 0);
}

/** The opaque facts of a node at one moment, in the order of the wire. */
export interface Stat {
  readonly czxid: number;
  readonly mzxid: number;
  readonly ctimeMs: number;
  readonly mtimeMs: number;
  readonly version: number;
  readonly cversion: number;
  readonly aversion: number;
  readonly owner: bigint;
  readonly dataLengthBytes: number;
  readonly numChildren: number;
  readonly pzxid: number;
}

/** What clients see of a node: the owner of an ephemeral only, and changes of the children instead of creates. */
export function statOf(node: Znode): Stat {
  const numChildren = node.children?.size ?? 0;
  return {
    czxid: node.czxid,
    mzxid: node.mzxid,
    ctimeMs: node.ctimeMs,
    mtimeMs: node.mtimeMs,
    version: node.version,
    cversion: (2 * node.creates - numChildren) | 0,
    aversion: node.aversion,
    owner: node.owner,
    dataLengthBytes: node.data?.length ?? 0,
    numChildren,
    pzxid: node.pzxid,
  };
}

export function writeStat(writer: JuteWriter, stat: Stat): void {
  writeNumber(writer, stat.czxid);
  writeNumber(writer, stat.mzxid);
  writeNumber(writer, stat.ctimeMs);
  writeNumber(writer, stat.mtimeMs);
  writer.int(stat.version).int(stat.cversion).int(stat.aversion);
  if (stat.owner === 0n) writer.int(0).int(0);
  else writer.long(stat.owner);
  writeNumber(writer.int(stat.dataLengthBytes).int(stat.numChildren), stat.pzxid);
}

export function writeAcl(writer: JuteWriter, acls: readonly Acl[]): JuteWriter {
  return writer.vector(acls, acl => writer.int(acl.permissions).string(acl.scheme).string(acl.id));
}

/** A reply with its header written; the body follows, then `sealFrame`. */
export function replyWriter(
  xid: number,
  zxid: number,
  error: number,
  capacityBytes = 112,
): JuteWriter {
  return writeNumber(new JuteWriter(capacityBytes).int(0).int(xid), zxid).int(error);
}

/** A reply without a body. */
export function bareReply(xid: number, zxid: number, error: number): Buffer {
  return sealFrame(replyWriter(xid, zxid, error, 24).finish());
}

const SYNC_CONNECTED = 3;
/** What a header says that tells of no zxid. */
export const NO_ZXID = -1;

/** A watch event, as servers before 3.9 send it: without the zxid of the change. */
export function eventFrame(type: EventType, path: string): Buffer {
  const writer = replyWriter(XID.event, NO_ZXID, 0, 36 + path.length);
  return sealFrame(writer.int(type).int(SYNC_CONNECTED).string(path).finish());
}
