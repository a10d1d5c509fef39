/** How many letters must be put in, taken out, changed or swapped to make `b` of `a`. */
function distance(a: string, b: string): number {
  let beforeLast: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i += 1) {
    const row = [i];
    for (let j = 1; j <= b.length; j += 1) {
      const cost = a[i - 1] === b[j - 1] ? 0 : 1;
      let best = Math.min((last[j] ?? 0) + 1, (row[j - 1] ?? 0) + 1, (last[j - 1] ?? 0) + cost);
      const swapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      if (swapped) best = Math.min(best, (beforeLast[j - 2] ?? 0) + 1);
      row.push(best);
    }
    beforeLast = last;
    last = row;
  }
  return last[b.length] ?? 0;
}

const plain = (name: string): string => name.toLowerCase().replaceAll(/[-_]/g, '');

/** The name that was probably meant, or undefined when none of `known` is near. */
export function nearest(wrong: string, known: readonly string[]): string | undefined {
  const scored = known
    .map(name => ({ name, off: distance(plain(wrong), plain(name)) }))
    .toSorted((a, b) => a.off - b.off);
  const best = scored[0];
  if (best === undefined) return undefined;
  const allowed = Math.max(1, Math.floor(Math.min(wrong.length, best.name.length) / 3));
  if (best.off <= allowed) return best.name;
  return wrong.length < 3 ? undefined : known.find(name => plain(name).startsWith(plain(wrong)));
}

/** ` (did you mean X?)`, or nothing. */
export function didYouMean(wrong: string, known: readonly string[], prefix = ''): string {
  const name = nearest(wrong, known);
  return name === undefined ? '' : ` (did you mean ${prefix}${name}?)`;
}
