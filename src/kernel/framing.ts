import { RollcallError } from './errors.ts';

const LENGTH_BYTES = 4;

/** The server has no limit on what it answers; this one keeps a wrong length from filling the memory. */
export const MAX_FRAME_BYTES = 128 * 1024 * 1024;

/** A chunk weighs some 300 bytes beside its own: more than so many, of fewer bytes than that on average, are made one. */
const MANY_CHUNKS = 256;
const SMALL_BYTES = 1024;

/**
 * Cuts a byte stream into frames (a four-byte length, then so many bytes). A byte is copied once at most, unless it comes in crumbs,
 * which are put together: half a frame never weighs much more than its bytes. One splitter serves one connection: what was left of a
 * broken one goes with it.
 */
export interface FrameSplitter {
  /** What was pushed and not taken yet. */
  readonly bufferedBytes: number;
  push(chunk: Buffer): void;
  /** The next whole frame without its length, or undefined. @throws RollcallError MALFORMED_PACKET for an impossible length. */
  next(): Buffer | undefined;
}

export function frameSplitter(maxFrameBytes: number = MAX_FRAME_BYTES): FrameSplitter {
  let chunks: Buffer[] = [];
  /** The first chunk not yet used up, and how far it is used. */
  let first = 0;
  let offset = 0;
  let bufferedBytes = 0;
  let wantedBytes: number | undefined;

  const take = (bytes: number): Buffer => {
    const head = chunks[first];
    if (head !== undefined && head.length - offset >= bytes) {
      const whole = head.subarray(offset, offset + bytes);
      skip(bytes);
      return whole;
    }
    const joined = Buffer.allocUnsafe(bytes);
    let filled = 0;
    while (filled < bytes) {
      const chunk = chunks[first];
      if (chunk === undefined) break;
      const part = Math.min(bytes - filled, chunk.length - offset);
      chunk.copy(joined, filled, offset, offset + part);
      filled += part;
      skip(part);
    }
    return joined;
  };

  /** Uses up bytes of the first chunk. */
  const skip = (bytes: number): void => {
    offset += bytes;
    bufferedBytes -= bytes;
    if (offset < (chunks[first]?.length ?? 0)) return;
    first += 1;
    offset = 0;
    if (first < 64 && first < chunks.length) return;
    chunks = chunks.slice(first);
    first = 0;
  };

  const gather = (): void => {
    const bytes = bufferedBytes;
    chunks = [take(bytes)];
    bufferedBytes = bytes;
  };

  return {
    get bufferedBytes() {
      return bufferedBytes;
    },
    push(chunk) {
      if (chunk.length === 0) return;
      chunks.push(chunk);
      bufferedBytes += chunk.length;
      if (chunks.length - first > Math.max(MANY_CHUNKS, bufferedBytes / SMALL_BYTES)) gather();
    },
    next() {
      if (wantedBytes === undefined) {
        if (bufferedBytes < LENGTH_BYTES) return undefined;
        wantedBytes = take(LENGTH_BYTES).readInt32BE(0);
        if (wantedBytes < 0 || wantedBytes > maxFrameBytes) {
          throw new RollcallError(
            'MALFORMED_PACKET',
            `a packet of ${wantedBytes} bytes was announced`,
          );
        }
      }
      if (bufferedBytes < wantedBytes) return undefined;
      const frame = take(wantedBytes);
      wantedBytes = undefined;
      return frame;
    },
  };
}
