import { hasCode, RollcallError } from '../kernel/errors.ts';
import type { ZnodePath } from './api.ts';

/**
 * A server that replays the close of a session with more than about 2 MB of ephemeral paths does not start any more ("Unreasonable
 * length"). We stay far below: the sum of 4 + path bytes.
 */
export const EPHEMERAL_LIMIT_BYTES = 512 * 1024;
const PER_PATH_BYTES = 4;
const SEQUENCE_BYTES = 10;

/** One ephemeral create under way. */
export interface Reservation {
  /** The node is there, under this path. */
  created(path: ZnodePath): void;
  /** It was not made. */
  release(): void;
}

/** What a session's ephemeral nodes weigh, counted by what it created, and corrected by the server's own list near the limit. */
export interface EphemeralBudget {
  /** @throws RollcallError EPHEMERAL_LIMIT */
  reserve(
    paths: readonly ZnodePath[],
    owned: () => Promise<readonly ZnodePath[]>,
  ): Promise<readonly Reservation[]>;
  owns(path: ZnodePath): void;
  removed(path: ZnodePath): void;
  /** A new session owns nothing. */
  clear(): void;
  readonly bytes: number;
}

export function ephemeralBudget(
  toServer: (path: ZnodePath) => string,
  limitBytes: number = EPHEMERAL_LIMIT_BYTES,
): EphemeralBudget {
  let owned = new Map<ZnodePath, number>();
  let ownedBytes = 0;
  let reservedBytes = 0;

  const weigh = (path: ZnodePath): number => PER_PATH_BYTES + Buffer.byteLength(toServer(path));

  const add = (path: ZnodePath): void => {
    if (owned.has(path)) return;
    owned.set(path, weigh(path));
    ownedBytes += weigh(path);
  };

  const correct = (paths: readonly ZnodePath[]): void => {
    owned = new Map();
    ownedBytes = 0;
    for (const path of paths) add(path);
  };

  /** A server before 3.6 has no such list: then our own count stands. */
  const recount = async (ask: () => Promise<readonly ZnodePath[]>): Promise<void> => {
    try {
      correct(await ask());
    } catch (error) {
      if (!hasCode(error, 'UNIMPLEMENTED')) throw error;
    }
  };

  const reservation = (bytes: number): Reservation => {
    let open = true;
    reservedBytes += bytes;
    const release = (): void => {
      if (open) reservedBytes -= bytes;
      open = false;
    };
    return {
      release,
      created(path) {
        release();
        add(path);
      },
    };
  };

  return {
    get bytes() {
      return ownedBytes + reservedBytes;
    },
    async reserve(paths, ask) {
      const sizes = paths.map(path => weigh(path) + SEQUENCE_BYTES);
      const wanted = sizes.reduce((sum, size) => sum + size, 0);
      if (ownedBytes + reservedBytes + wanted > limitBytes) await recount(ask);
      if (ownedBytes + reservedBytes + wanted > limitBytes) {
        const message = `this session's ephemeral nodes take ${ownedBytes + reservedBytes} of ${limitBytes} bytes already: open another session for more`;
        throw new RollcallError('EPHEMERAL_LIMIT', message, {
          details: { bytes: ownedBytes + reservedBytes, limitBytes },
        });
      }
      return sizes.map(reservation);
    },
    owns: add,
    removed(path) {
      ownedBytes -= owned.get(path) ?? 0;
      owned.delete(path);
    },
    clear() {
      owned = new Map();
      ownedBytes = 0;
    },
  };
}
