import type {
  PersistentWatchMode,
  WatchEvent,
  WatchEventType,
  WatchListener,
  ZnodePath,
} from './api.ts';
import { parentOf } from './path.ts';

/** One-shot watches by what the caller asked; the server has only two tables: `data` (also of exists) and `child`. */
export type WatchKind = 'data' | 'exists' | 'child';
export type WatchTable = 'data' | 'child';
/** What to take away on the server. `any` takes a path's persistent watch, and its one-shots with it. */
export type WatchRemoval = 'data' | 'child' | 'any';

export function tableOf(kind: WatchKind): WatchTable {
  return kind === 'child' ? 'child' : 'data';
}

/** What one request can arm. */
export type ServerWatch = WatchTable | PersistentWatchMode;

const NOTHING: Readonly<Record<ServerWatch, boolean>> = {
  data: false,
  child: false,
  persistent: false,
  'persistent-recursive': false,
};

interface OneShot {
  readonly kind: WatchKind;
  readonly listener: WatchListener;
}

interface Persistent {
  readonly mode: PersistentWatchMode;
  readonly listener: WatchListener;
}

interface Entry {
  oneShots: readonly OneShot[];
  persistents: readonly Persistent[];
  /** What the server is known to watch. */
  readonly armed: Record<ServerWatch, boolean>;
  /** Requests under way that arm something here; nothing is taken away on the server meanwhile. */
  arming: number;
  /** addWatch under way, by mode: one-shots are not to be armed beside it. */
  readonly coming: Record<PersistentWatchMode, number>;
}

export interface RearmPaths {
  readonly data: readonly ZnodePath[];
  readonly exists: readonly ZnodePath[];
  readonly child: readonly ZnodePath[];
  readonly persistent: readonly ZnodePath[];
  readonly recursive: readonly ZnodePath[];
}

export interface WatchHubOptions {
  /** Takes the server's watch away; it never rejects. */
  readonly forget: (path: ZnodePath, removal: WatchRemoval) => Promise<void>;
  readonly onError: (error: unknown) => void;
}

/**
 * All watches of a session: one on the server for each path and table, for any number of listeners.
 *
 * ZooKeeper 3.8.0 keeps one mode for a session and path: the watch that was set last replaces the others. So a one-shot
 * listener on a path that a persistent watch covers is never armed on the server, and of the two persistent modes only the
 * recursive one is: its events serve them all (a child that comes or goes means children-changed of its parent).
 */
export interface WatchHub {
  /** True when a persistent watch on exactly this path serves one-shots. */
  covers(path: ZnodePath): boolean;
  /** Brackets each request that arms a watch: between the two, the path's server watch stays. */
  armBegun(path: ZnodePath, what: ServerWatch): void;
  armEnded(path: ZnodePath, what: ServerWatch, armed: boolean): void;
  addOneShot(path: ZnodePath, oneShot: OneShot): void;
  removeOneShot(path: ZnodePath, oneShot: OneShot): Promise<void>;
  addPersistent(path: ZnodePath, persistent: Persistent): void;
  removePersistent(path: ZnodePath, persistent: Persistent): Promise<void>;
  /** The mode the server is to watch the path in, so that this one is served. */
  serverMode(path: ZnodePath, mode: PersistentWatchMode): PersistentWatchMode;
  /** Whether the server is known to watch the path in this mode. */
  isArmed(path: ZnodePath, mode: PersistentWatchMode): boolean;
  dispatch(event: WatchEvent): void;
  rearmPaths(): RearmPaths;
  /** The connection is gone, and the server's watches with it. */
  detached(): void;
  /** Watches are in place again. One-shots that a persistent watch serves may have missed their event: they are told so. */
  attached(): void;
  readonly listenerCount: number;
}

const CONSUMED: Readonly<Record<WatchEventType, readonly WatchKind[]>> = {
  created: ['data', 'exists'],
  'data-changed': ['data', 'exists'],
  deleted: ['data', 'exists', 'child'],
  'children-changed': ['child'],
};

const HINT: Readonly<Record<WatchKind, WatchEventType>> = {
  data: 'data-changed',
  exists: 'created',
  child: 'children-changed',
};

export function watchHub(options: WatchHubOptions): WatchHub {
  const entries = new Map<ZnodePath, Entry>();
  let isAttached = false;
  /** The persistent watches that the server was asked for anew, at the last attachment. */
  let rearmed: Pick<RearmPaths, 'persistent' | 'recursive'> = { persistent: [], recursive: [] };

  const entryOf = (path: ZnodePath): Entry => {
    const known = entries.get(path);
    if (known !== undefined) return known;
    const armed = { ...NOTHING };
    const coming = { persistent: 0, 'persistent-recursive': 0 };
    const fresh: Entry = { oneShots: [], persistents: [], armed, arming: 0, coming };
    entries.set(path, fresh);
    return fresh;
  };

  const call = (listener: WatchListener, event: WatchEvent): void => {
    try {
      listener(event);
    } catch (error) {
      options.onError(error);
    }
  };

  const has = (entry: Entry, mode: PersistentWatchMode): boolean =>
    entry.coming[mode] > 0 || entry.persistents.some(other => other.mode === mode);

  const isCovered = (entry: Entry): boolean =>
    has(entry, 'persistent') || has(entry, 'persistent-recursive');

  /** Whether the server's watch here is recursive: it says nothing of children-changed, but of each child. */
  const isRecursive = (entry: Entry): boolean =>
    entry.armed['persistent-recursive'] || entry.coming['persistent-recursive'] > 0;

  const hint = (path: ZnodePath, which: (oneShot: OneShot) => boolean): void => {
    const entry = entries.get(path);
    if (entry === undefined) return;
    const told = entry.oneShots.filter(which);
    entry.oneShots = entry.oneShots.filter(oneShot => !told.includes(oneShot));
    for (const { kind, listener } of told)
      call(listener, { type: HINT[kind], path, zxid: undefined });
  };

  /** Takes away on the server what nobody listens to any more, and tells one-shots that nothing watches for any more. */
  const settle = (path: ZnodePath): Promise<void> => {
    const entry = entries.get(path);
    if (entry === undefined || entry.arming > 0) return Promise.resolve();
    const { armed } = entry;
    let forgotten: Promise<void> = Promise.resolve();
    const isPersistent = armed.persistent || armed['persistent-recursive'];
    if (isPersistent && entry.persistents.length === 0) {
      Object.assign(armed, NOTHING);
      forgotten = options.forget(path, 'any');
    } else if (!isPersistent) {
      for (const table of ['data', 'child'] as const) {
        if (!armed[table] || entry.oneShots.some(({ kind }) => tableOf(kind) === table)) continue;
        armed[table] = false;
        forgotten = options.forget(path, table);
      }
    }
    if (isAttached) hint(path, ({ kind }) => !armed[tableOf(kind)] && !isCovered(entry));
    const inUse = entry.oneShots.length > 0 || entry.persistents.length > 0 || entry.arming > 0;
    if (!inUse && entries.get(path) === entry) entries.delete(path);
    return forgotten;
  };

  /** @param derived of a child's event, for the path that a recursive watch is on. */
  const fire = (event: WatchEvent, derived: boolean): void => {
    const entry = entries.get(event.path);
    if (entry === undefined) return;
    const consumed = CONSUMED[event.type];
    const fired = entry.oneShots.filter(({ kind }) => consumed.includes(kind));
    if (fired.length > 0)
      entry.oneShots = entry.oneShots.filter(({ kind }) => !consumed.includes(kind));
    if (!derived) for (const kind of consumed) entry.armed[tableOf(kind)] = false;
    const isHeard = event.type !== 'children-changed' || derived === isRecursive(entry);
    const persistents = isHeard ? entry.persistents : [];
    for (const { listener } of fired) call(listener, event);
    for (const { mode, listener } of persistents) {
      if (mode === 'persistent' || event.type !== 'children-changed') call(listener, event);
    }
    void settle(event.path);
  };

  /** What a recursive watch's own path hears when a child comes or goes. */
  const fireParent = ({ type, path, zxid }: WatchEvent): void => {
    if (path === '/' || (type !== 'created' && type !== 'deleted')) return;
    const parent = parentOf(path);
    const entry = entries.get(parent);
    if (entry === undefined || !isRecursive(entry)) return;
    fire({ type: 'children-changed', path: parent, zxid }, true);
  };

  const fireAncestors = (event: WatchEvent): void => {
    if (event.type === 'children-changed') return;
    for (
      let end = event.path.lastIndexOf('/');
      end >= 0 && event.path !== '/';
      end = end === 0 ? -1 : event.path.lastIndexOf('/', end - 1)
    ) {
      const entry = entries.get(end === 0 ? '/' : event.path.slice(0, end));
      for (const { mode, listener } of entry?.persistents ?? []) {
        if (mode === 'persistent-recursive') call(listener, event);
      }
    }
  };

  return {
    get listenerCount() {
      let count = 0;
      for (const entry of entries.values())
        count += entry.oneShots.length + entry.persistents.length;
      return count;
    },
    covers(path) {
      const entry = entries.get(path);
      return entry !== undefined && isCovered(entry);
    },
    armBegun(path, what) {
      const entry = entryOf(path);
      entry.arming += 1;
      if (what !== 'data' && what !== 'child') entry.coming[what] += 1;
    },
    armEnded(path, what, armed) {
      const entry = entryOf(path);
      entry.arming -= 1;
      if (what !== 'data' && what !== 'child') entry.coming[what] -= 1;
      entry.armed[what] ||= armed;
      void settle(path);
    },
    addOneShot(path, oneShot) {
      const entry = entryOf(path);
      entry.oneShots = [...entry.oneShots, oneShot];
    },
    removeOneShot(path, oneShot) {
      const entry = entries.get(path);
      if (entry === undefined) return Promise.resolve();
      entry.oneShots = entry.oneShots.filter(other => other !== oneShot);
      return settle(path);
    },
    addPersistent(path, persistent) {
      const entry = entryOf(path);
      entry.persistents = [...entry.persistents, persistent];
    },
    removePersistent(path, persistent) {
      const entry = entries.get(path);
      if (entry === undefined) return Promise.resolve();
      entry.persistents = entry.persistents.filter(other => other !== persistent);
      return settle(path);
    },
    serverMode(path, mode) {
      const entry = entries.get(path);
      return entry !== undefined && has(entry, 'persistent-recursive')
        ? 'persistent-recursive'
        : mode;
    },
    isArmed: (path, mode) => entries.get(path)?.armed[mode] ?? false,
    dispatch(event) {
      fire(event, false);
      fireAncestors(event);
      fireParent(event);
    },
    rearmPaths() {
      const paths: Record<keyof RearmPaths, ZnodePath[]> = {
        data: [],
        exists: [],
        child: [],
        persistent: [],
        recursive: [],
      };
      for (const [path, entry] of entries) {
        const mode = modeOf(entry);
        if (mode !== undefined)
          paths[mode === 'persistent' ? 'persistent' : 'recursive'].push(path);
        if (isCovered(entry)) continue;
        for (const kind of ['data', 'exists', 'child'] as const) {
          if (entry.oneShots.some(other => other.kind === kind)) paths[kind].push(path);
        }
      }
      rearmed = paths;
      return paths;
    },
    detached() {
      isAttached = false;
      rearmed = { persistent: [], recursive: [] };
      for (const entry of entries.values()) Object.assign(entry.armed, NOTHING);
    },
    attached() {
      isAttached = true;
      // What came after the paths were named has a request of its own on the way, which may be given up.
      for (const path of rearmed.persistent) entryOf(path).armed.persistent = true;
      for (const path of rearmed.recursive) entryOf(path).armed['persistent-recursive'] = true;
      for (const [path, entry] of [...entries]) {
        if (isCovered(entry)) hint(path, () => true);
        else for (const { kind } of entry.oneShots) entry.armed[tableOf(kind)] = true;
        void settle(path);
      }
    },
  };
}

/** The persistent watch that serves all listeners of a path: the recursive one hears all that the other does. */
function modeOf({ persistents }: Entry): PersistentWatchMode | undefined {
  if (persistents.length === 0) return undefined;
  return persistents.some(({ mode }) => mode === 'persistent-recursive')
    ? 'persistent-recursive'
    : 'persistent';
}
