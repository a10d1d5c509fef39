import { RollcallError } from './errors.ts';

/**
 * ZooKeeper's jute encoding, as `BinaryInputArchive` and `BinaryOutputArchive` of Apache ZooKeeper have it: big-endian ints and
 * longs, one byte for a boolean, and a four-byte length before buffers, UTF-8 strings and vectors, where -1 means null.
 */
const NULL_LENGTH = -1;

const FIRST_CAPACITY_BYTES = 128;
const RECENT_LONGS = 3;

/** What `JuteWriter` writes for an int, for `encoded`. */
export function encodedInt(value: number): string {
  return String.fromCharCode(
    (value >>> 24) & 0xff,
    (value >>> 16) & 0xff,
    (value >>> 8) & 0xff,
    value & 0xff,
  );
}

/** Writes jute into one growing buffer. */
export class JuteWriter {
  private buffer: Buffer;
  private used = 0;

  constructor(capacityBytes = FIRST_CAPACITY_BYTES) {
    this.buffer = Buffer.allocUnsafe(Math.max(16, capacityBytes));
  }

  /** Bytes written so far. */
  get lengthBytes(): number {
    return this.used;
  }

  int(value: number): this {
    this.room(4);
    this.used = this.buffer.writeInt32BE(value, this.used);
    return this;
  }

  long(value: bigint): this {
    this.room(8);
    this.used = this.buffer.writeBigInt64BE(value, this.used);
    return this;
  }

  bool(value: boolean): this {
    this.room(1);
    this.used = this.buffer.writeUInt8(value ? 1 : 0, this.used);
    return this;
  }

  bytes(value: Uint8Array | undefined): this {
    if (value === undefined) return this.int(NULL_LENGTH);
    this.int(value.length);
    this.room(value.length);
    this.buffer.set(value, this.used);
    this.used += value.length;
    return this;
  }

  string(value: string | undefined): this {
    if (value === undefined) return this.int(NULL_LENGTH);
    const lengthBytes = Buffer.byteLength(value);
    this.int(lengthBytes);
    this.room(lengthBytes);
    this.used += this.buffer.write(value, this.used, lengthBytes, 'utf8');
    return this;
  }

  /** What is encoded already: of each character (U+0000 to U+00FF) one byte. */
  encoded(bytes: string): this {
    this.room(bytes.length);
    this.used += this.buffer.write(bytes, this.used, 'latin1');
    return this;
  }

  vector<T>(items: readonly T[] | undefined, write: (item: T) => void): this {
    if (items === undefined) return this.int(NULL_LENGTH);
    this.int(items.length);
    for (const item of items) write(item);
    return this;
  }

  /** The bytes written. The writer is spent: its memory is the result's. */
  finish(): Buffer {
    return this.buffer.subarray(0, this.used);
  }

  private room(moreBytes: number): void {
    const needed = this.used + moreBytes;
    if (needed <= this.buffer.length) return;
    const larger = Buffer.allocUnsafe(Math.max(needed, this.buffer.length * 2));
    this.buffer.copy(larger, 0, 0, this.used);
    this.buffer = larger;
  }
}

/**
 * Reads jute. Every read is checked against the end of the input; what it returns (but for `source` and `rest`) never shares memory
 * with the input, so that a kept value does not pin the chunk it came in.
 *
 * @throws RollcallError MALFORMED_PACKET when the input ends early or a length is impossible.
 */
export class JuteReader {
  private readonly buffer: Buffer;
  private offset: number;
  private readonly recent: {
    readonly high: number;
    readonly low: number;
    readonly value: bigint;
  }[] = [];
  private oldest = 0;

  constructor(buffer: Buffer, offset = 0) {
    this.buffer = buffer;
    this.offset = offset;
  }

  /** Where in `source` is read next. */
  get at(): number {
    return this.offset;
  }

  get remainingBytes(): number {
    return this.buffer.length - this.offset;
  }

  int(): number {
    this.need(4);
    const value = this.buffer.readInt32BE(this.offset);
    this.offset += 4;
    return value;
  }

  /**
   * A stat repeats its longs (czxid, mzxid and pzxid of a fresh leaf are one, siblings share an owner): the last few are handed out
   * again, since a bigint is an object of its own.
   */
  long(): bigint {
    this.need(8);
    const high = this.buffer.readInt32BE(this.offset);
    const low = this.buffer.readInt32BE(this.offset + 4);
    for (const recent of this.recent) {
      if (recent.low !== low || recent.high !== high) continue;
      this.offset += 8;
      return recent.value;
    }
    const value = this.buffer.readBigInt64BE(this.offset);
    this.offset += 8;
    if (this.recent.length < RECENT_LONGS) this.recent.push({ high, low, value });
    else this.recent[this.oldest] = { high, low, value };
    this.oldest = (this.oldest + 1) % RECENT_LONGS;
    return value;
  }

  /** A long that fits a number, such as a time in milliseconds; exact up to 2^53. */
  safeLong(): number {
    this.need(8);
    const value =
      this.buffer.readInt32BE(this.offset) * 2 ** 32 + this.buffer.readUInt32BE(this.offset + 4);
    this.offset += 8;
    return value;
  }

  bool(): boolean {
    this.need(1);
    const value = this.buffer[this.offset] !== 0;
    this.offset += 1;
    return value;
  }

  bytes(): Buffer | undefined {
    const lengthBytes = this.length();
    if (lengthBytes === NULL_LENGTH) return undefined;
    const copy = Buffer.allocUnsafe(lengthBytes);
    this.buffer.copy(copy, 0, this.offset, this.offset + lengthBytes);
    this.offset += lengthBytes;
    return copy;
  }

  /** Passes over what `bytes` reads. Returns how many bytes lie before `at`, then; null is none. */
  skipBytes(): number {
    const length = Math.max(0, this.length());
    this.offset += length;
    return length;
  }

  /** Passes over these bytes when they are the next, and says whether they were. */
  skipIf(bytes: Uint8Array): boolean {
    const end = this.offset + bytes.length;
    if (end > this.buffer.length) return false;
    if (this.buffer.compare(bytes, 0, bytes.length, this.offset, end) !== 0) return false;
    this.offset = end;
    return true;
  }

  /** Passes over so many bytes. */
  skip(bytes: number): void {
    this.need(bytes);
    this.offset += bytes;
  }

  /** The whole input, shared. */
  get source(): Buffer {
    return this.buffer;
  }

  string(): string | undefined {
    const lengthBytes = this.length();
    if (lengthBytes === NULL_LENGTH) return undefined;
    const value = this.buffer.toString('utf8', this.offset, this.offset + lengthBytes);
    this.offset += lengthBytes;
    return value;
  }

  /** @param leastItemBytes what one item takes at least: bounds the count before anything is allocated. */
  vector<T>(read: () => T, leastItemBytes = 1): T[] | undefined {
    const count = this.int();
    if (count === NULL_LENGTH) return undefined;
    if (count < 0 || count * leastItemBytes > this.remainingBytes)
      throw malformed(`a vector of ${count} items`);
    const items: T[] = [];
    for (let index = 0; index < count; index += 1) items.push(read());
    return items;
  }

  /** What is left, for another codec. It shares memory with the input. */
  rest(): Buffer {
    return this.buffer.subarray(this.offset);
  }

  private length(): number {
    const lengthBytes = this.int();
    if (lengthBytes < NULL_LENGTH) throw malformed(`a length of ${lengthBytes}`);
    if (lengthBytes > 0) this.need(lengthBytes);
    return lengthBytes;
  }

  private need(bytes: number): void {
    if (this.remainingBytes < bytes)
      throw malformed(`${bytes} bytes wanted, ${this.remainingBytes} left`);
  }
}

function malformed(what: string): RollcallError {
  return new RollcallError('MALFORMED_PACKET', `the packet does not parse: ${what}`);
}
