/** Two 32-bit hashes of one text. */
export interface TextHash {
  readonly a: number;
  readonly b: number;
}

/** The finalizer of MurmurHash3 (Austin Appleby, public domain): every bit of the input moves every bit of the output. */
function mix(value: number): number {
  let h = value;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}

/** FNV-1a over the UTF-8 bytes, from two beginnings. The same in every process and every release: others may depend on where a key goes. */
export function hashText(text: string): TextHash {
  let a = 0x811c9dc5;
  let b = 0x9747b28c;
  for (const byte of Buffer.from(text)) {
    a = Math.imul(a ^ byte, 0x01000193);
    b = Math.imul(b ^ byte, 0x01000193);
  }
  return { a: mix(a), b: mix(b) };
}

/** Of two texts' hashes, a number in (0, 1) with 52 bits of chance. */
export function unitOf(left: TextHash, right: TextHash): number {
  const high = mix(left.a ^ Math.imul(right.a, 0x9e3779b1));
  const low = mix(left.b ^ Math.imul(right.b, 0x85ebca77) ^ high);
  return ((high >>> 6) * 2 ** 26 + (low >>> 6) + 0.5) / 2 ** 52;
}
