/** Who is first in a directory of sequential nodes, by Curator's manner of naming them. Pure. */

export interface Contender {
  readonly node: string;
  readonly sequence: number;
}

/**
 * Reads a contender's node name: whatever stands before the last `marker` (`latch-`, `lock-`) does not matter, what follows it is the
 * sequence number. undefined: no contender.
 */
export function parseContender(node: string, marker: string): Contender | undefined {
  const at = node.lastIndexOf(marker);
  if (at < 0) return undefined;
  const digits = node.slice(at + marker.length);
  // `%010d` of a negative number has nine digits or ten
  return /^(\d{10}|-\d{9,10})$/.test(digits) ? { node, sequence: Number(digits) } : undefined;
}

/**
 * Which came first. A directory's counter is a signed 32-bit number that wraps around: of two numbers, the later one is less than half a
 * round ahead.
 */
export function compareContenders(a: Contender, b: Contender): number {
  const ahead = (a.sequence - b.sequence) | 0;
  if (ahead !== 0) return ahead;
  return a.node < b.node ? -1 : Number(a.node > b.node);
}

export function contendersOf(children: readonly string[], marker: string): readonly Contender[] {
  return children
    .map(node => parseContender(node, marker))
    .filter(contender => contender !== undefined)
    .sort(compareContenders);
}

export type Standing =
  | { readonly kind: 'first' }
  /** `before` is the one node to be watched. */
  | { readonly kind: 'behind'; readonly before: string }
  /** Our node is not among them. */
  | { readonly kind: 'absent' };

export function standingOf(children: readonly string[], marker: string, own: string): Standing {
  const contenders = contendersOf(children, marker);
  const index = contenders.findIndex(({ node }) => node === own);
  if (index < 0) return { kind: 'absent' };
  const before = contenders[index - 1];
  return before === undefined ? { kind: 'first' } : { kind: 'behind', before: before.node };
}
