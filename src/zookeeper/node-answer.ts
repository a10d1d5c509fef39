import type { JuteReader } from '../kernel/jute.ts';
import type { ReadRequest, Stat, Utf8Part, ZnodePath } from './api.ts';
import { deletionsIn, type KnownNode } from './mirror-node.ts';
import { childOf } from './mirror-paths.ts';

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

/**
 * One node in a multiRead's answer: its data, and its stat. Nothing is decoded, nor cut out, before it is asked for; it keeps the
 * whole answer in memory.
 */
class InAnswer implements Utf8Part, Stat {
  readonly at: number;
  readonly length: number;
  protected readonly frame: Frame;

  constructor(frame: Frame, at: number, length: number) {
    this.frame = frame;
    this.at = at;
    this.length = length;
  }

  get content(): Utf8Part {
    return this;
  }

  get source(): Buffer {
    return this.frame.bytes;
  }

  toString(encoding: 'utf8'): string {
    return this.source.toString(encoding, this.at, this.at + this.length);
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
    return owners.take(view.getBigInt64(this.at + this.length + AT.ephemeralOwner));
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
    return zxids.take(view.getBigInt64(this.at + this.length + offset));
  }

  /** Exact up to 2^53. */
  private timeMs(offset: number): number {
    const from = this.at + this.length + offset;
    const { view } = this.frame;
    return view.getInt32(from) * 2 ** 32 + view.getUint32(from + 4);
  }

  private int(offset: number): number {
    return this.frame.view.getInt32(this.at + this.length + offset);
  }
}

/** What the answer says of the node that was asked for. */
export class NodeAnswer extends InAnswer {
  readonly kind = 'data';
  private readonly request: ReadRequest;

  constructor(request: ReadRequest, frame: Frame, at: number, length: number) {
    super(frame, at, length);
    this.request = request;
  }

  get path(): ZnodePath {
    return this.request.path;
  }

  get data(): Buffer {
    return this.source.subarray(this.at, this.at + this.length);
  }

  get stat(): Stat {
    return this;
  }

  /** The node as a mirror without data keeps it. */
  node(parent: ZnodePath, name: string): KnownNode {
    return new AnsweredNode(parent, name, this.frame, this.at, this.length);
  }
}

/**
 * A node that nothing has happened to since a first reading: there may be a million, and of most nobody asks for more than the
 * record, once.
 */
class AnsweredNode extends InAnswer implements KnownNode {
  readonly parent: ZnodePath;
  readonly name: string;

  constructor(parent: ZnodePath, name: string, frame: Frame, at: number, length: number) {
    super(frame, at, length);
    this.parent = parent;
    this.name = name;
  }

  get path(): ZnodePath {
    return childOf(this.parent, this.name);
  }

  get deletions(): number {
    return deletionsIn(this);
  }

  get data(): undefined {
    return undefined;
  }
}

/** Reads GetDataResponses out of one answer. @throws RollcallError MALFORMED_PACKET when it ends early. */
export function nodeAnswers(body: JuteReader): (request: ReadRequest) => NodeAnswer {
  const frame = new Frame(body.source);
  return request => {
    const length = body.skipBytes();
    const at = body.at - length;
    body.skip(STAT_BYTES);
    return new NodeAnswer(request, frame, at, length);
  };
}
