import type { Socket } from 'node:net';

/** One direction of one proxied connection: bytes from `source` to `sink`, which can be held, delayed, and cut off in mid-frame. */
export interface Direction {
  hold(): void;
  flow(): void;
  /** Of every chunk that comes in from now on; order is kept. */
  delayMs: number;
  /** Number of bytes passed on so far. */
  readonly passedBytes: number;
}

/** Asked before each write: how many of these bytes may pass, and whether the connection ends after them. */
export type Allowance = (wanted: number) => { readonly bytes: number; readonly last: boolean };

interface Chunk {
  readonly bytes: Buffer | 'end';
  readonly dueMs: number;
}

export function direction(
  source: Socket,
  sink: Socket,
  allowance: Allowance,
  onExhausted: () => void,
): Direction {
  const waiting: Chunk[] = [];
  let held = false;
  let exhausted = false;
  let ended = false;
  let delayMs = 0;
  let passedBytes = 0;
  let timer: NodeJS.Timeout | undefined;

  const pass = (bytes: Buffer): void => {
    const allowed = allowance(bytes.length);
    passedBytes += allowed.bytes;
    if (!allowed.last) {
      sink.write(bytes.subarray(0, allowed.bytes));
      return;
    }
    exhausted = true;
    waiting.length = 0;
    sink.end(bytes.subarray(0, allowed.bytes));
    onExhausted();
  };

  const pump = (): void => {
    clearTimeout(timer);
    for (let chunk = waiting[0]; chunk !== undefined && !held && !exhausted; chunk = waiting[0]) {
      const leftMs = chunk.dueMs - performance.now();
      if (leftMs > 0) {
        timer = setTimeout(pump, Math.ceil(leftMs));
        return;
      }
      waiting.shift();
      if (chunk.bytes === 'end') sink.end();
      else pass(chunk.bytes);
    }
  };

  const enqueue = (bytes: Buffer | 'end'): void => {
    if (exhausted || ended) return;
    ended = bytes === 'end';
    waiting.push({ bytes, dueMs: performance.now() + delayMs });
    pump();
  };

  source.on('data', bytes => enqueue(bytes));
  source.on('end', () => enqueue('end'));
  source.on('close', () => enqueue('end')); // after a reset there is no 'end'; whoever is held must not see either
  sink.on('close', () => clearTimeout(timer));

  return {
    hold() {
      held = true;
      source.pause();
    },
    flow() {
      held = false;
      source.resume();
      pump();
    },
    get delayMs() {
      return delayMs;
    },
    set delayMs(ms) {
      delayMs = ms;
    },
    get passedBytes() {
      return passedBytes;
    },
  };
}
