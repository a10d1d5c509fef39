import type { ZnodePath } from './api.ts';
import type { Watermark } from './mirror-watermark.ts';

/** What is to be done for a changed path. */
export interface Need {
  /** Read data and stat. */
  readonly node: boolean;
  /** Read the list of children. */
  readonly list: boolean;
  /** It was deleted: ask its parent since when. Excludes the other two. */
  readonly gone: boolean;
  /** What is found new gets its children listed too, because no event will tell of them. */
  readonly deep: boolean;
}

export const NODE: Need = { node: true, list: false, gone: false, deep: false };
export const LIST: Need = { node: false, list: true, gone: false, deep: false };
export const GONE: Need = { node: false, list: false, gone: true, deep: false };
/** A node found by a repair, whose events were missed: it and everything below. */
export const WHOLE: Need = { node: true, list: false, gone: false, deep: true };

/** A directory whose list is not what it should be. */
export const RELIST: Need = { node: true, list: true, gone: false, deep: false };

export interface Note {
  readonly path: ZnodePath;
  readonly need: Need;
  readonly mark: bigint;
  /** undefined for what no event announced. */
  readonly eventAtMs: number | undefined;
  readonly reason: 'watch' | 'audit';
  /** A change of its data was announced, and no finished read has covered it. */
  readonly dataChanged: boolean;
}

/** Changed paths that are still to be read, each with the mark of the oldest event that no finished read has covered. */
export interface Pending {
  /** Paths that wait for a read or are being read. */
  readonly size: number;
  /** Those that wait and may be taken. */
  readonly queued: number;
  /** Those that an audit noted. */
  readonly repairs: number;
  has(path: ZnodePath): boolean;
  note(note: Note): void;
  /**
   * The same of what happened before all that is queued: of a path that was found to be gone, an event that came in since may say
   * that it was made again. To be called when nothing is in flight.
   */
  noteEarlier(note: Note): void;
  /**
   * Events were missed: a deleted path may have been made again since, and what was noted as new may have got children that nothing
   * announced. All that waits is read, whatever was noted, with what is below it. To be called when nothing is in flight.
   */
  doubt(): void;
  /** All that is queued is about to be read anyway. To be called when nothing is in flight. */
  clear(): void;
  /** An older change turned out to be covered by the read that this path waits for. */
  lower(path: ZnodePath, mark: bigint): void;
  /** The oldest queued note; it is in flight until it is finished or put back. A path is never in flight twice. */
  take(): Note | undefined;
  /** Whether a change of the path's data was announced that no finished read has covered. */
  dataChanged(path: ZnodePath): boolean;
  /** What came in for a path while it is in flight. */
  arrived(path: ZnodePath): Need | undefined;
  /** The read of a taken note has been applied. What came in meanwhile is queued with a mark of its own. */
  finish(note: Note): void;
  /** The note was not settled by its read: queued again, with the need given, and with the mark it had. */
  putBack(note: Note, need?: Need): void;
}

export function pending(marks: Pick<Watermark, 'add' | 'remove'>): Pending {
  const queued = new Map<ZnodePath, Note>();
  const inFlight = new Map<ZnodePath, Note>();
  /** For paths in flight only. */
  const later = new Map<ZnodePath, Note>();
  let repairs = 0;

  const entered = (note: Note): void => {
    marks.add(note.path, note.mark);
    if (note.reason === 'audit') repairs += 1;
  };
  const left = (note: Note): void => {
    marks.remove(note.path, note.mark);
    if (note.reason === 'audit') repairs -= 1;
  };
  const replace = (into: Map<ZnodePath, Note>, known: Note | undefined, by: Note): void => {
    if (known !== undefined) left(known);
    entered(by);
    into.set(by.path, by);
  };
  const file = (into: Map<ZnodePath, Note>, note: Note): void => {
    const older = into.get(note.path);
    replace(into, older, older === undefined ? note : mergeNotes(older, note));
  };
  /** Takes what is in flight for a path, and what came in for it meanwhile, out of the books. */
  const land = (
    path: ZnodePath,
  ): { readonly held: Note | undefined; readonly next: Note | undefined } => {
    const [held, next] = [inFlight.get(path), later.get(path)];
    for (const note of [held, next]) if (note !== undefined) left(note);
    inFlight.delete(path);
    later.delete(path);
    return { held, next };
  };

  return {
    get size() {
      return queued.size + inFlight.size;
    },
    get queued() {
      return queued.size;
    },
    get repairs() {
      return repairs;
    },
    has: path => queued.has(path) || inFlight.has(path),
    note: note => file(inFlight.has(note.path) ? later : queued, note),
    noteEarlier(note) {
      const newer = queued.get(note.path);
      replace(queued, newer, newer === undefined ? note : mergeNotes(note, newer));
    },
    take() {
      const first = queued.values().next();
      if (first.done === true) return undefined;
      queued.delete(first.value.path);
      inFlight.set(first.value.path, first.value);
      return first.value;
    },
    dataChanged: path =>
      [queued, inFlight, later].some(notes => notes.get(path)?.dataChanged === true),
    arrived: path => later.get(path)?.need,
    finish(note) {
      const { next } = land(note.path);
      if (next !== undefined) file(queued, next);
    },
    putBack(note, need = note.need) {
      const { held = note, next } = land(note.path);
      file(queued, { ...held, need });
      if (next !== undefined) file(queued, next);
    },
    clear() {
      for (const note of queued.values()) left(note);
      queued.clear();
    },
    doubt() {
      for (const [path, note] of queued) {
        const need = note.need.gone ? WHOLE : { ...note.need, deep: true };
        queued.set(path, { ...note, need });
      }
    },
    lower(path, mark) {
      for (const notes of [queued, inFlight]) {
        const note = notes.get(path);
        if (note === undefined || note.mark <= mark) continue;
        left(note);
        entered({ ...note, mark });
        notes.set(path, { ...note, mark });
      }
    },
  };
}

/** The older mark and time stay: they belong to the change that has waited longest. */
function mergeNotes(older: Note, newer: Note): Note {
  return {
    path: older.path,
    need: mergeNeeds(older.need, newer.need),
    mark: older.mark < newer.mark ? older.mark : newer.mark,
    eventAtMs: older.eventAtMs ?? newer.eventAtMs,
    reason: older.reason === 'watch' || newer.reason === 'watch' ? 'watch' : 'audit',
    dataChanged: older.dataChanged || newer.dataChanged,
  };
}

/**
 * After a deletion only what came later counts, and the other way round. Children that came or went after a deletion are those of
 * another node: what is known of the old one says nothing of it.
 */
function mergeNeeds(older: Need, newer: Need): Need {
  if (newer.gone) return newer;
  if (older.gone) return { ...newer, node: true };
  return {
    node: older.node || newer.node,
    list: older.list || newer.list,
    gone: false,
    deep: older.deep || newer.deep,
  };
}
