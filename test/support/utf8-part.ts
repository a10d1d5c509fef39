import type { Utf8Part } from '../../src/zookeeper/index.ts';

/** `bytes` as they lie in an answer, with `around` before and after them. */
export function partOf(bytes: Buffer, around: Buffer = Buffer.of()): Utf8Part {
  const source = Buffer.concat([around, bytes, around]);
  const latin1 = source.toString('latin1');
  const at = around.length;
  const length = bytes.length;
  return { latin1, at, length, toString: encoding => source.toString(encoding, at, at + length) };
}
