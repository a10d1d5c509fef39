import type { JuteReader } from '../kernel/jute.ts';
import type {
  ReadRequest,
  ReadResult,
  SiblingNode,
  SingleResult,
  Stat,
  Utf8Part,
  ZnodePath,
} from './api.ts';
import { deletionsIn } from './mirror-node.ts';
import { childOf } from './mirror-paths.ts';
import { LEAST_STRING_BYTES, OP } from './protocol.ts';
import { serverError } from './server-errors.ts';

const ASCII = /^[\0-\x7f]*$/;

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

/** Where a long is put together: an int is read without making an object, a bigint is one. */
const scratch = new DataView(new ArrayBuffer(8));

/**
 * The longs that were read last: a fresh leaf's czxid, mzxid and pzxid are one, and siblings share an owner. A bigint is an object
 * of its own, and who keeps a hundred thousand nodes keeps fewer of them so.
 */
class RecentLongs {
  private newest = new Long(0, 0);
  private older = this.newest;

  take(high: number, low: number): bigint {
    if (this.newest.is(high, low)) return this.newest.value;
    if (this.older.is(high, low)) return this.older.value;
    this.older = this.newest;
    this.newest = new Long(high, low);
    return this.newest.value;
  }
}

function longOf(high: number, low: number): bigint {
  scratch.setInt32(0, high);
  scratch.setInt32(4, low);
  return scratch.getBigInt64(0);
}

class Long {
  readonly value: bigint;
  private readonly high: number;
  private readonly low: number;

  constructor(high: number, low: number) {
    this.high = high;
    this.low = low;
    this.value = longOf(high, low);
  }

  is(high: number, low: number): boolean {
    return this.low === low && this.high === high;
  }
}

/** Of zxids: none is negative. */
class NewestLong {
  private high = 0;
  private low = 0;

  take(high: number, low: number): void {
    if (high < this.high || (high === this.high && low >>> 0 <= this.low >>> 0)) return;
    this.high = high;
    this.low = low;
  }

  get value(): bigint {
    return longOf(this.high, this.low);
  }
}

/**
 * The answer that a multiRead gives, which all of its items share: one character for each byte. A part of a text is cut out of it
 * without a copy, and without a call out of the engine, as a part of a Buffer is not.
 */
class Frame {
  readonly text: string;
  readonly zxids = new RecentLongs();
  readonly owners = new RecentLongs();

  constructor(text: string) {
    this.text = text;
  }

  int(at: number): number {
    const { text } = this;
    return (
      (text.charCodeAt(at) << 24) |
      (text.charCodeAt(at + 1) << 16) |
      (text.charCodeAt(at + 2) << 8) |
      text.charCodeAt(at + 3)
    );
  }

  long(at: number, recent: RecentLongs): bigint {
    return recent.take(this.int(at), this.int(at + 4));
  }
}

/** One node in a multiRead's answer. Nothing of it is decoded, nor cut out, before it is asked for; it keeps the whole answer in memory. */
class InAnswer implements Stat {
  readonly at: number;
  /** Of its data, in bytes. */
  readonly length: number;
  protected readonly frame: Frame;

  constructor(frame: Frame, at: number, length: number) {
    this.frame = frame;
    this.at = at;
    this.length = length;
  }

  get stat(): Stat {
    return this;
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
    return this.frame.long(this.at + this.length + AT.ephemeralOwner, this.frame.owners);
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
    return this.frame.long(this.at + this.length + offset, this.frame.zxids);
  }

  /** Exact up to 2^53. */
  private timeMs(offset: number): number {
    return this.int(offset) * 2 ** 32 + (this.int(offset + 4) >>> 0);
  }

  private int(offset: number): number {
    return this.frame.int(this.at + this.length + offset);
  }
}

/** What the answer says of the one node that was asked for. */
class NodeAnswer extends InAnswer {
  readonly kind = 'data';
  readonly path: ZnodePath;
  private readonly source: Buffer;

  constructor(path: ZnodePath, source: Buffer, frame: Frame, at: number, length: number) {
    super(frame, at, length);
    this.path = path;
    this.source = source;
  }

  get data(): Buffer {
    return this.source.subarray(this.at, this.at + this.length);
  }
}

/** A node as a mirror without data keeps it: of most nobody asks for more than the record, once. */
class Sibling extends InAnswer implements SiblingNode, Utf8Part {
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

  get content(): Utf8Part {
    return this;
  }

  get latin1(): string {
    return this.frame.text;
  }

  get deletions(): number {
    return deletionsIn(this);
  }

  get data(): undefined {
    return undefined;
  }

  override toString(): string {
    return textIn(this.frame.text, this.at, this.length);
  }
}

function textIn(latin1: string, at: number, length: number): string {
  const text = latin1.slice(at, at + length);
  return ASCII.test(text) ? text : Buffer.from(text, 'latin1').toString('utf8');
}

/** A copy of what lies there. */
export function bytesOf({ latin1, at, length }: Utf8Part): Buffer {
  return Buffer.from(latin1.slice(at, at + length), 'latin1');
}

/**
 * Small nodes are kept in the answer that they came in: that takes less than a copy of what is wanted of them. What is larger is no
 * record that anybody wants, or one that is kept parsed: its bytes would only be in the way.
 */
const KEPT_IN_ANSWER_BYTES = 4 * 1024;

/** Reads the items of one multiRead's answer. @throws RollcallError MALFORMED_PACKET when it ends early. */
export class AnswerReader {
  private readonly body: JuteReader;
  private known: Frame | undefined;

  constructor(body: JuteReader) {
    this.body = body;
  }

  read(request: ReadRequest): ReadResult {
    const { kind, path } = request;
    if (kind === 'siblings') return this.siblings(path, request.names);
    const op = this.header();
    if (op === OP.getData) return this.node(path);
    if (op === OP.getChildren) return { kind: 'children', path, children: this.names() };
    return this.failure(path);
  }

  /** A hundred thousand pass through here when a mirror begins: one loop is quick long before what it would call is. */
  private siblings(path: ZnodePath, names: readonly string[]): ReadResult {
    const { body, frame } = this;
    const nodes: Sibling[] = [];
    const parents: Sibling[] = [];
    const others: SingleResult[] = [];
    const [czxid, mzxid] = [new NewestLong(), new NewestLong()];
    let dataBytes = 0;
    for (const name of names) {
      if (this.header() !== OP.getData) {
        others.push(this.failure(childOf(path, name)));
        continue;
      }
      const length = body.skipBytes();
      const at = body.at - length;
      body.skip(STAT_BYTES);
      if (length > KEPT_IN_ANSWER_BYTES) {
        others.push(new NodeAnswer(childOf(path, name), body.source, frame, at, length));
        continue;
      }
      const node = new Sibling(path, name, frame, at, length);
      nodes.push(node);
      dataBytes += length;
      const stat = at + length;
      if (frame.int(stat + AT.numChildren) > 0) parents.push(node);
      czxid.take(frame.int(stat + AT.czxid), frame.int(stat + AT.czxid + 4));
      mzxid.take(frame.int(stat + AT.mzxid), frame.int(stat + AT.mzxid + 4));
    }
    return {
      kind: 'siblings',
      path,
      nodes,
      parents,
      dataBytes,
      czxid: czxid.value,
      mzxid: mzxid.value,
      others,
    };
  }

  /** Parts of the answer's text, which they keep in memory, as the nodes of these names do theirs. */
  private names(): readonly string[] {
    const { body, frame } = this;
    const read = (): string => {
      const length = body.skipBytes();
      return textIn(frame.text, body.at - length, length);
    };
    return body.vector(read, LEAST_STRING_BYTES) ?? [];
  }

  private node(path: ZnodePath): NodeAnswer {
    const { body, frame } = this;
    const length = body.skipBytes();
    const at = body.at - length;
    body.skip(STAT_BYTES);
    return new NodeAnswer(path, body.source, frame, at, length);
  }

  /** A MultiHeader: the operation, whether it is the last, and the item's error, which is told again in its body. */
  private header(): number {
    const op = this.body.int();
    this.body.skip(1 + 4);
    return op;
  }

  private failure(path: ZnodePath): SingleResult {
    return { kind: 'error', path, error: serverError(this.body.int(), 'multiRead', path) };
  }

  private get frame(): Frame {
    return (this.known ??= new Frame(this.body.source.toString('latin1')));
  }
}
