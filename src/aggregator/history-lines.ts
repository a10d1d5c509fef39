import { z } from 'zod';
import type { Amendment } from './history.ts';
import type { HistoryEntry } from './ports.ts';

/** One line of a history file: an entry, or what amends an earlier one. */
export type HistoryLine =
  | { readonly kind: 'entry'; readonly entry: HistoryEntry }
  | { readonly kind: 'amend'; readonly amendment: Amendment };

const CauseSchema = z.enum([
  'deregistered',
  'crashed-or-expired',
  'deleted-by-other',
  'vanished',
  'replaced',
  'rejected',
]);

const EntrySchema = z.object({
  seq: z.int().min(1),
  at: z.string(),
  service: z.string(),
  id: z.string(),
  event: z.enum([
    'joined',
    'changed',
    'left',
    'suspected',
    'released',
    'rejected',
    'override',
    'conflict',
  ]),
  cause: CauseSchema.optional(),
  zxid: z.string().regex(/^\d{1,20}$/),
  znode: z.string().optional(),
  detail: z.string(),
});

const AmendSchema = z.object({ amend: z.int().min(1), cause: CauseSchema, detail: z.string() });

export function encodeEntry(entry: HistoryEntry): string {
  return `${JSON.stringify({ ...entry, zxid: String(entry.zxid) })}\n`;
}

export function encodeAmendment({ seq, cause, detail }: Amendment): string {
  return `${JSON.stringify({ amend: seq, cause, detail })}\n`;
}

/** undefined of a line that is none of ours: one bad line loses itself alone. */
export function decodeLine(line: string): HistoryLine | undefined {
  let json: unknown;
  try {
    json = JSON.parse(line);
  } catch {
    return undefined;
  }
  const amend = AmendSchema.safeParse(json);
  if (amend.success) {
    const { amend: seq, cause, detail } = amend.data;
    return { kind: 'amend', amendment: { seq, cause, detail } };
  }
  const entry = EntrySchema.safeParse(json);
  if (!entry.success) return undefined;
  const { cause, znode, zxid, ...rest } = entry.data;
  return { kind: 'entry', entry: { ...rest, cause, znode, zxid: BigInt(zxid) } };
}

/** Puts the entries of earlier runs together from their lines, oldest line first. */
export interface HistoryReplay {
  take(text: string): void;
  /** By seq. A run that could not read its predecessors' files began at 1 again: its entries are numbered on. */
  entries(): readonly HistoryEntry[];
}

export function historyReplay(): HistoryReplay {
  const entries = new Map<number, HistoryEntry>();
  const renumbered = new Map<number, number>();
  let last = 0;
  return {
    take(text) {
      const line = decodeLine(text);
      if (line?.kind === 'entry') {
        const { entry } = line;
        last = Math.max(entry.seq, last + 1);
        renumbered.set(entry.seq, last);
        entries.set(last, { ...entry, seq: last });
      } else if (line?.kind === 'amend') {
        const { seq, cause, detail } = line.amendment;
        const known = entries.get(renumbered.get(seq) ?? 0);
        if (known !== undefined) entries.set(known.seq, { ...known, cause, detail });
      }
    },
    entries: () => [...entries.values()],
  };
}
