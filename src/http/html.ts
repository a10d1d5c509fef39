/** Text that may stand in a page as it is. */
export interface Html {
  readonly text: string;
}

type Part = string | number | Html | readonly Part[];

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

function escaped(part: Part): string {
  if (typeof part === 'string') return part.replaceAll(/[&<>"']/g, char => ENTITIES[char] ?? char);
  if (typeof part === 'number') return String(part);
  return 'text' in part ? part.text : part.map(escaped).join('');
}

/** A template whose values are escaped, unless they are Html themselves. */
export function html(texts: TemplateStringsArray, ...parts: readonly Part[]): Html {
  return { text: String.raw({ raw: texts }, ...parts.map(escaped)) };
}

/** Text of our own that is Html already. */
export function raw(text: string): Html {
  return { text };
}
