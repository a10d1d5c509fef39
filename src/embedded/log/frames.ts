import { randomBytes } from 'node:crypto';
import { crc32 } from 'node:zlib';

/**
 * The form of every file in the data folder: a head, then frames. A frame is one write that was waited for: when a frame lies
 * behind it, all of it had been on the disk. So a frame that is broken at the end of a file was never acknowledged, and one that
 * is broken with a whole one behind it is damage.
 */
export type FileKind = 'log' | 'snapshot';

/** How such a file begins. */
export interface FileHead {
  readonly kind: FileKind;
  /** Of this file alone. It is part of every checksum: no data that a client stores can look like a frame. */
  readonly salt: Buffer;
}

/** What a file of each kind begins with, in every version; three digits follow, which are its format. */
const MARKS: Readonly<Record<FileKind, string>> = { log: 'RCLOG', snapshot: 'RCSNP' };
const FORMAT_AT = 5;

/** What this version writes, and reads. */
export const FORMAT = 1;

const MARK_BYTES = 8;
const SALT_BYTES = 8;
const FRAME_MARK = 0x52434652;
const FRAME_HEAD_BYTES = 12;

/** Mark, salt and the checksum of both. */
export const FILE_HEAD_BYTES = MARK_BYTES + SALT_BYTES + 4;

export function newFileHead(kind: FileKind): FileHead {
  return { kind, salt: randomBytes(SALT_BYTES) };
}

export function encodeHead({ kind, salt }: FileHead, format = FORMAT): Buffer {
  const mark = `${MARKS[kind]}${String(format).padStart(3, '0')}`;
  const head = Buffer.concat([Buffer.from(mark, 'latin1'), salt, Buffer.alloc(4)]);
  head.writeUInt32BE(crc32(head.subarray(0, FILE_HEAD_BYTES - 4)), FILE_HEAD_BYTES - 4);
  return head;
}

export function encodeFrame(head: FileHead, payload: Buffer): Buffer {
  const frame = Buffer.allocUnsafe(FRAME_HEAD_BYTES + payload.length);
  frame.writeUInt32BE(FRAME_MARK, 0);
  frame.writeUInt32BE(payload.length, 4);
  frame.writeUInt32BE(checksum(head, payload), 8);
  payload.copy(frame, FRAME_HEAD_BYTES);
  return frame;
}

export type FileContent =
  | {
      readonly kind: 'readable';
      readonly head: FileHead;
      readonly payloads: readonly Buffer[];
      /** Up to here the file is whole. */
      readonly wholeBytes: number;
      /** What follows, but for the zeros that a file is made longer with: nothing, or a write that was never finished. */
      readonly tornBytes: number;
    }
  /** Not even the head was finished: nothing was ever written behind it. */
  | { readonly kind: 'unfinished' }
  /** Whole as far as can be told, and not for this version to read. */
  | { readonly kind: 'foreign'; readonly format: number }
  | { readonly kind: 'damaged'; readonly atByte: number; readonly what: string };

/** Takes a file apart. Pure. The payloads share memory with `bytes`. */
export function readFrames(kind: FileKind, bytes: Buffer): FileContent {
  if (bytes.length < FILE_HEAD_BYTES) return { kind: 'unfinished' };
  const head: FileHead = {
    kind,
    salt: Buffer.from(bytes.subarray(MARK_BYTES, MARK_BYTES + SALT_BYTES)),
  };
  const format = Number(bytes.toString('latin1', FORMAT_AT, MARK_BYTES));
  if (!encodeHead(head, format).equals(bytes.subarray(0, FILE_HEAD_BYTES))) {
    if (bytes.length === FILE_HEAD_BYTES) return { kind: 'unfinished' };
    return { kind: 'damaged', atByte: 0, what: `it does not begin as a ${kind} does` };
  }
  if (format !== FORMAT) return { kind: 'foreign', format };
  const payloads: Buffer[] = [];
  let at = FILE_HEAD_BYTES;
  for (
    let frame = frameAt(head, bytes, at);
    frame !== undefined;
    frame = frameAt(head, bytes, at)
  ) {
    payloads.push(frame);
    at += FRAME_HEAD_BYTES + frame.length;
  }
  const later = wholeFrameAfter(head, bytes, at);
  if (later !== undefined)
    return { kind: 'damaged', atByte: at, what: `whole data follows at byte ${later}` };
  return { kind: 'readable', head, payloads, wholeBytes: at, tornBytes: tornAfter(bytes, at) };
}

function tornAfter(bytes: Buffer, at: number): number {
  let end = bytes.length;
  while (end > at && bytes[end - 1] === 0) end -= 1;
  return end - at;
}

function frameAt(head: FileHead, bytes: Buffer, at: number): Buffer | undefined {
  if (bytes.length - at < FRAME_HEAD_BYTES || bytes.readUInt32BE(at) !== FRAME_MARK)
    return undefined;
  const lengthBytes = bytes.readUInt32BE(at + 4);
  const from = at + FRAME_HEAD_BYTES;
  if (lengthBytes > bytes.length - from) return undefined;
  const payload = bytes.subarray(from, from + lengthBytes);
  return bytes.readUInt32BE(at + 8) === checksum(head, payload) ? payload : undefined;
}

function wholeFrameAfter(head: FileHead, bytes: Buffer, broken: number): number | undefined {
  const mark = Buffer.alloc(4);
  mark.writeUInt32BE(FRAME_MARK);
  for (let at = bytes.indexOf(mark, broken + 1); at >= 0; at = bytes.indexOf(mark, at + 1))
    if (frameAt(head, bytes, at) !== undefined) return at;
  return undefined;
}

/** Of the salt, the length and the payload: a length that is damaged is found too. */
function checksum({ salt }: FileHead, payload: Buffer): number {
  return crc32(payload, (crc32(salt) ^ payload.length) >>> 0);
}
