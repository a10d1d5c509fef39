import { OP, requestFrame } from './protocol.ts';
import type { RearmPaths } from './watch-hub.ts';

/** What one SetWatches packet may take: far below `jute.maxbuffer`, which ends the connection when it is passed. */
const CHUNK_BYTES = 128 * 1024;
const LENGTH_BYTES = 4;

type List = keyof RearmPaths;

/** In this order: the server lets the later of two persistent modes on one path win, and the recursive one is the wider. */
const LISTS: readonly List[] = ['data', 'exists', 'child', 'persistent', 'recursive'];

export interface RearmRequest {
  readonly op: number;
  readonly frame: Buffer;
}

/**
 * The SetWatches and SetWatches2 requests that put all watches in place again, each of them of bounded size.
 *
 * @param paths as the server has them.
 * @param relativeZxid what happened after it to a one-shot's node is delivered at once; persistent watches miss it.
 */
export function rearmRequests(
  paths: RearmPaths,
  relativeZxid: bigint,
  chunkBytes: number = CHUNK_BYTES,
): readonly RearmRequest[] {
  const requests: RearmRequest[] = [];
  let chunk = emptyChunk();
  let bytes = 0;
  const flush = (): void => {
    if (bytes === 0) return;
    requests.push(encode(chunk, relativeZxid));
    chunk = emptyChunk();
    bytes = 0;
  };
  for (const list of LISTS) {
    for (const path of paths[list]) {
      const pathBytes = LENGTH_BYTES + Buffer.byteLength(path);
      if (bytes + pathBytes > chunkBytes) flush();
      chunk[list].push(path);
      bytes += pathBytes;
    }
  }
  flush();
  return requests;
}

function emptyChunk(): Record<List, string[]> {
  return { data: [], exists: [], child: [], persistent: [], recursive: [] };
}

/** SetWatches where it will do: servers before 3.6 have no SetWatches2, and no persistent watches either. */
function encode(
  chunk: Readonly<Record<List, readonly string[]>>,
  relativeZxid: bigint,
): RearmRequest {
  const isPersistent = chunk.persistent.length > 0 || chunk.recursive.length > 0;
  const op = isPersistent ? OP.setWatches2 : OP.setWatches;
  const lists = isPersistent ? LISTS : LISTS.slice(0, 3);
  const frame = requestFrame(op, writer => {
    writer.long(relativeZxid);
    for (const list of lists) writer.vector(chunk[list], path => writer.string(path));
  });
  return { op, frame };
}
