interface Segment {
  /** Of the journal: these frames may go once it is durable so far. */
  readonly mark: number;
  readonly frames: Buffer[];
  bytes: number;
}

/**
 * What one client is to be told, in order: events and replies in one queue. Nothing leaves it before the journal holds all
 * that had been written when it was queued; so a reply or an event never tells of a write that could still be lost.
 */
export interface Outbox {
  readonly bytes: number;
  queue(frame: Buffer, mark: number): void;
  /** What may go, as one buffer; undefined when nothing may. */
  take(durable: number): Buffer | undefined;
}

export function outbox(): Outbox {
  let segments: Segment[] = [];
  let bytes = 0;
  return {
    get bytes() {
      return bytes;
    },
    queue(frame, mark) {
      bytes += frame.length;
      const last = segments.at(-1);
      if (last === undefined || last.mark !== mark) {
        segments.push({ mark, frames: [frame], bytes: frame.length });
        return;
      }
      last.frames.push(frame);
      last.bytes += frame.length;
    },
    take(durable) {
      const held = segments.findIndex(({ mark }) => mark > durable);
      const count = held < 0 ? segments.length : held;
      if (count === 0) return undefined;
      const free = segments.slice(0, count);
      segments = segments.slice(count);
      const freeBytes = free.reduce((sum, segment) => sum + segment.bytes, 0);
      bytes -= freeBytes;
      const frames = free.flatMap(segment => segment.frames);
      const [only] = frames;
      return frames.length === 1 && only !== undefined ? only : Buffer.concat(frames, freeBytes);
    },
  };
}
