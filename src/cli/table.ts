/** Letters that take two columns of a terminal: CJK, Hangul, kana, full-width forms, emoji. */
const WIDE =
  /[\u1100-\u115f\u2e80-\u303e\u3041-\u33ff\u3400-\u4dbf\u4e00-\u9fff\ua000-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe4f\uff00-\uff60\uffe0-\uffe6\u{1f300}-\u{1f64f}\u{1f900}-\u{1f9ff}]/u;
const NO_WIDTH = /\p{Mn}|\p{Cf}/u;

/** How many columns of a terminal `text` takes. */
export function widthOf(text: string): number {
  let width = 0;
  for (const letter of text) width += NO_WIDTH.test(letter) ? 0 : WIDE.test(letter) ? 2 : 1;
  return width;
}

/** Control characters could move the cursor or change what the terminal shows: a record's text never does. */
export function harmless(text: string): string {
  return text.replaceAll(/\p{Cc}/gu, '\ufffd');
}

/** Lines with the cells of each column below each other; the last column is not padded. */
export function columns(rows: readonly (readonly string[])[]): readonly string[] {
  const clean = rows.map(row => row.map(harmless));
  const widths: number[] = [];
  for (const row of clean) {
    row.forEach((cell, at) => (widths[at] = Math.max(widths[at] ?? 0, widthOf(cell))));
  }
  const pad = (cell: string, at: number): string =>
    cell + ' '.repeat(Math.max(0, (widths[at] ?? 0) - widthOf(cell)));
  return clean.map(row => row.map(pad).join('  ').trimEnd());
}

/** A table with a heading; a sentence instead when it has no rows. */
export function table(
  heading: readonly string[],
  rows: readonly (readonly string[])[],
  whenEmpty: string,
): string {
  if (rows.length === 0) return whenEmpty;
  return columns([heading.map(name => name.toUpperCase()), ...rows]).join('\n');
}
