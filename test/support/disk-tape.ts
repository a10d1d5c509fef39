import type * as promises from 'node:fs/promises';

/**
 * Takes down what a data folder is told to become, in the order in which the system is told: what another process would find
 * there after `kill -9` is what a beginning of the tape makes.
 */
export type DiskStep =
  | { readonly kind: 'create'; readonly file: number; readonly path: string }
  | {
      readonly kind: 'write';
      readonly file: number;
      readonly position: number;
      readonly bytes: Buffer;
    }
  | { readonly kind: 'truncate'; readonly file: number; readonly lengthBytes: number }
  | { readonly kind: 'rename'; readonly from: string; readonly to: string }
  | { readonly kind: 'remove'; readonly path: string }
  /** So many transactions are said to be durable. */
  | { readonly kind: 'told'; readonly durable: number };

interface Tape {
  readonly steps: DiskStep[];
  /** Called before each step that can fail, and may throw; half of a write that fails is made. */
  before: () => void;
}

export const tape: Tape = { steps: [], before: () => undefined };

let files = 0;
const opened = new Set<promises.FileHandle>();

/** Begins anew; what somebody left open, as one that is killed does, is closed. */
export async function rewind(): Promise<void> {
  for (const handle of opened) await handle.close();
  opened.clear();
  tape.steps.length = 0;
  tape.before = () => undefined;
}

/** The bytes of a write that is about to be made; a failing one makes half of it. */
function taken(bytes: Buffer): { readonly bytes: Buffer; readonly failure?: Error } {
  try {
    tape.before();
    return { bytes };
  } catch (error) {
    const failure = error instanceof Error ? error : new Error(String(error));
    return { bytes: bytes.subarray(0, bytes.length >> 1), failure };
  }
}

export function tapedPromises(real: typeof promises): typeof promises {
  const open: typeof promises.open = async (path, flags, mode) => {
    if (flags === 'r') return real.open(path, flags, mode);
    tape.before();
    const handle = await real.open(path, flags, mode);
    const file = (files += 1);
    tape.steps.push({ kind: 'create', file, path: String(path) });
    opened.add(handle);
    return new Proxy(handle, {
      get(target, key) {
        if (key === 'write')
          return async (all: Buffer, from: number, length: number, position: number) => {
            const { bytes, failure } = taken(Buffer.from(all.subarray(from, from + length)));
            tape.steps.push({ kind: 'write', file, position, bytes });
            const done = await target.write(bytes, 0, bytes.length, position);
            if (failure !== undefined) throw failure;
            return done;
          };
        if (key === 'truncate')
          return async (lengthBytes: number) => {
            tape.before();
            tape.steps.push({ kind: 'truncate', file, lengthBytes });
            await target.truncate(lengthBytes);
          };
        if (key === 'close')
          return async () => {
            opened.delete(handle);
            await target.close();
          };
        if (key === 'sync' || key === 'datasync') return async () => tape.before();
        const value: unknown = Reflect.get(target, key, target);
        return typeof value === 'function' ? value.bind(target) : value;
      },
    });
  };
  return {
    ...real,
    open,
    async rename(from, to) {
      tape.before();
      tape.steps.push({ kind: 'rename', from: String(from), to: String(to) });
      await real.rename(from, to);
    },
    async rm(path, options) {
      tape.before();
      tape.steps.push({ kind: 'remove', path: String(path) });
      await real.rm(path, options);
    },
  };
}
