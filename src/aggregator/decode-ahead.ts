import { turn } from '../kernel/turn.ts';
import type { ListedProvider } from './ports.ts';

/** Of smaller services the records are decoded when they are asked for: nobody feels it. */
const LARGE_SERVICE = 500;
/** A record takes a few microseconds. */
const RECORDS_A_TURN = 250;

/**
 * Decodes the records of large services, in parts: who asks for ten thousand at once would make everybody wait for all of them.
 *
 * @param isCurrent whether it is still to go on; asked after each part.
 */
export async function decodeAhead(
  services: Iterable<{ readonly size: number; values(): Iterable<ListedProvider> }>,
  isCurrent: () => boolean,
): Promise<void> {
  let decoded = 0;
  for (const listed of services) {
    if (listed.size < LARGE_SERVICE) continue;
    for (const provider of [...listed.values()]) {
      void provider.record;
      decoded += 1;
      if (decoded % RECORDS_A_TURN > 0) continue;
      await turn();
      if (!isCurrent()) return;
    }
  }
}
