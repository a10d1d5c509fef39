import { malformed } from './format.ts';

/** A node's data is bounded by `jute.maxbuffer`; nobody's is this large. */
const MAX_LINE_BYTES = 256 * 1024 * 1024;
const NEWLINE = 0x0a;

/** The lines of a stream of bytes, without their ends; a last line without an end is one, too. */
export async function* linesOf(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Buffer> {
  let begun: Buffer[] = [];
  let begunBytes = 0;
  for await (const chunk of chunks) {
    let rest = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    for (let end = rest.indexOf(NEWLINE); end >= 0; end = rest.indexOf(NEWLINE)) {
      yield begun.length === 0
        ? rest.subarray(0, end)
        : Buffer.concat([...begun, rest.subarray(0, end)]);
      begun = [];
      begunBytes = 0;
      rest = rest.subarray(end + 1);
    }
    if (rest.length > 0) begun.push(rest);
    begunBytes += rest.length;
    if (begunBytes > MAX_LINE_BYTES) throw malformed('a line of it does not end');
  }
  if (begun.length > 0) yield Buffer.concat(begun);
}
