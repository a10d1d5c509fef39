import type { JuteReader } from '../kernel/jute.ts';
import type { ReadRequest, Stat, Utf8Source, ZnodePath } from './api.ts';

/** Of `Stat` in ZooKeeper's `zookeeper.jute`. */
const STAT_BYTES = 68;
const AT = {
  czxid: 0,
  mzxid: 8,
  ctime: 16,
  mtime: 24,
  version: 32,
  cversion: 36,
  aversion: 40,
  ephemeralOwner: 44,
  dataLength: 52,
  numChildren: 56,
  pzxid: 60,
} as const;

/**
 * The longs that were read last: a fresh leaf's czxid, mzxid and pzxid are one, and siblings share an owner. A bigint is an object
 * of its own, and who keeps a hundred thousand nodes keeps fewer of them so.
 */
class RecentLongs {
  private newest = 0n;
  private older = 0n;

  take(value: bigint): bigint {
    if (value === this.newest) return this.newest;
    if (value === this.older) return this.older;
    this.older = this.newest;
    this.newest = value;
    return value;
  }
}

/** The answer that a multiRead gives, which all of its items share. */
class Frame {
  readonly bytes: Buffer;
  readonly view: DataView;
  readonly zxids = new RecentLongs();
  readonly owners = new RecentLongs();

  constructor(bytes: Buffer) {
    this.bytes = bytes;
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }
}

/** A stat that is read out of the answer when it is asked for. */
class FrameStat implements Stat {
  private readonly frame: Frame;
  private readonly at: number;

  constructor(frame: Frame, at: number) {
    this.frame = frame;
    this.at = at;
  }

  get czxid(): bigint {
    return this.zxid(AT.czxid);
  }
  get mzxid(): bigint {
    return this.zxid(AT.mzxid);
  }
  get pzxid(): bigint {
    return this.zxid(AT.pzxid);
  }
  get ephemeralOwner(): bigint {
    const { view, owners } = this.frame;
    return owners.take(view.getBigInt64(this.at + AT.ephemeralOwner));
  }
  get ctimeMs(): number {
    return this.timeMs(AT.ctime);
  }
  get mtimeMs(): number {
    return this.timeMs(AT.mtime);
  }
  get version(): number {
    return this.int(AT.version);
  }
  get cversion(): number {
    return this.int(AT.cversion);
  }
  get aversion(): number {
    return this.int(AT.aversion);
  }
  get dataLengthBytes(): number {
    return this.int(AT.dataLength);
  }
  get numChildren(): number {
    return this.int(AT.numChildren);
  }

  private zxid(offset: number): bigint {
    const { view, zxids } = this.frame;
    return zxids.take(view.getBigInt64(this.at + offset));
  }

  /** Exact up to 2^53. */
  private timeMs(offset: number): number {
    const { view } = this.frame;
    return view.getInt32(this.at + offset) * 2 ** 32 + view.getUint32(this.at + offset + 4);
  }

  private int(offset: number): number {
    return this.frame.view.getInt32(this.at + offset);
  }
}

/** One node of a multiRead's answer. Nothing is decoded, nor cut out, before it is asked for; it keeps the whole answer in memory. */
export class NodeAnswer implements Utf8Source {
  readonly kind = 'data';
  readonly stat: Stat;
  readonly length: number;
  private readonly request: ReadRequest;
  private readonly frame: Frame;
  private readonly at: number;

  constructor(request: ReadRequest, frame: Frame, at: number, length: number) {
    this.request = request;
    this.frame = frame;
    this.at = at;
    this.length = length;
    this.stat = new FrameStat(frame, at + length);
  }

  get path(): ZnodePath {
    return this.request.path;
  }

  get data(): Buffer {
    return this.frame.bytes.subarray(this.at, this.at + this.length);
  }

  get content(): Utf8Source {
    return this;
  }

  toString(encoding: 'utf8'): string {
    return this.frame.bytes.toString(encoding, this.at, this.at + this.length);
  }
}

/** Reads GetDataResponses out of one answer. @throws RollcallError MALFORMED_PACKET when it ends early. */
export function nodeAnswers(body: JuteReader): (request: ReadRequest) => NodeAnswer {
  const frame = new Frame(body.source);
  return request => {
    const { at, length } = body.span();
    body.skip(STAT_BYTES);
    return new NodeAnswer(request, frame, at, length);
  };
}
