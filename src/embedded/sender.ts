import { nextTurn } from '../kernel/turn.ts';
import type { Journal } from './journal.ts';

/** Who may have something to send, and says whether nothing is left. */
interface Recipient {
  flush(durable: number): boolean;
}

/**
 * Sends what connections have queued, once in a turn of the event loop and after everything that was read in it: all of it
 * shares one write to the disk, and each connection gets one packet.
 */
export interface Sender {
  /** This connection has something to send. */
  due(connection: Recipient): void;
  forget(connection: Recipient): void;
  /** Something was written to the journal. */
  wrote(): void;
  /** The journal holds more than before. */
  flush(): void;
}

export function sender(journal: Journal): Sender {
  let waiting = new Set<Recipient>();
  let scheduled = false;

  const flush = (): void => {
    const batch = waiting;
    waiting = new Set();
    for (const connection of batch) if (!connection.flush(journal.durable)) waiting.add(connection);
  };

  const settle = (): void => {
    scheduled = false;
    journal.flush();
    flush();
  };

  const wrote = (): void => {
    if (scheduled) return;
    scheduled = true;
    nextTurn(settle);
  };

  return {
    due(connection) {
      waiting.add(connection);
      wrote();
    },
    forget: connection => void waiting.delete(connection),
    wrote,
    flush,
  };
}
