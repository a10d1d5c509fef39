import type { ExportedNode } from './format.ts';

/** What is to be done with one node of an export. */
export type Step = 'create' | 'replace';

export interface Write {
  readonly step: Step;
  readonly node: ExportedNode;
}

export interface BatchLimits {
  readonly maxBytes: number;
  readonly maxWrites: number;
}

/** Of a request's own fields, and of the header before each operation of a transaction. */
const OVERHEAD_BYTES = 64;

/** What a write takes of a packet, and a little more. */
export function writeBytes({ node: { path, data, acl = [] } }: Write): number {
  const rights = acl.reduce(
    (sum, { scheme, id }) => sum + 12 + Buffer.byteLength(scheme) + Buffer.byteLength(id),
    0,
  );
  return OVERHEAD_BYTES + Buffer.byteLength(path) + data.length + rights;
}

/** Writes in order, put together so that none of the sets is too large; a write that is too large by itself stands alone. */
export async function* batchesOf(
  writes: AsyncIterable<Write>,
  { maxBytes, maxWrites }: BatchLimits,
): AsyncGenerator<readonly Write[]> {
  let batch: Write[] = [];
  let bytes = 0;
  for await (const write of writes) {
    const size = writeBytes(write);
    if (batch.length > 0 && (batch.length === maxWrites || bytes + size > maxBytes)) {
      yield batch;
      batch = [];
      bytes = 0;
    }
    batch.push(write);
    bytes += size;
  }
  if (batch.length > 0) yield batch;
}
