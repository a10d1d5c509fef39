import type {
  PersistentWatchMode,
  WatchEvent,
  WatchEventType,
  WatchListener,
  ZnodePath,
} from './api.ts';

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
 * ZooKeeper 3.8.0 lets a one-shot watch replace a persistent one of the same session on the same path. So a one-shot listener
 * on a path that a persistent watch covers is never armed on the server: the persistent watch's events serve it.
 */
export interface WatchHub {
  /** True when a persistent watch on exactly this path serves one-shots of that table. */
  covers(path: ZnodePath, table: WatchTable): boolean;
  /** Brackets each request that arms a watch: between the two, the path's server watch stays. */
  armBegun(path: ZnodePath, what: ServerWatch): void;
  armEnded(path: ZnodePath, what: ServerWatch, armed: boolean): void;
  addOneShot(path: ZnodePath, oneShot: OneShot): void;
  removeOneShot(path: ZnodePath, oneShot: OneShot): Promise<void>;
  addPersistent(path: ZnodePath, persistent: Persistent): void;
  removePersistent(path: ZnodePath, persistent: Persistent): Promise<void>;
  /** Whether the server is known to watch the path in this mode. */
  isArmed(path: ZnodePath, mode: PersistentWatchMode): boolean;
  /** Whether there is, or is about to be, a persistent watch of this mode. */
  hasPersistent(path: ZnodePath, mode: PersistentWatchMode): boolean;
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

  /** A recursive watch lives in the server's data table only, the other kind in both. */
  const isCovered = (entry: Entry, table: WatchTable): boolean =>
    has(entry, 'persistent') || (table === 'data' && has(entry, 'persistent-recursive'));

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
    if (isAttached)
      hint(path, ({ kind }) => !armed[tableOf(kind)] && !isCovered(entry, tableOf(kind)));
    const inUse = entry.oneShots.length > 0 || entry.persistents.length > 0 || entry.arming > 0;
    if (!inUse && entries.get(path) === entry) entries.delete(path);
    return forgotten;
  };

  const fire = (event: WatchEvent): void => {
    const entry = entries.get(event.path);
    if (entry === undefined) return;
    const consumed = CONSUMED[event.type];
    const fired = entry.oneShots.filter(({ kind }) => consumed.includes(kind));
    if (fired.length > 0)
      entry.oneShots = entry.oneShots.filter(({ kind }) => !consumed.includes(kind));
    for (const kind of consumed) entry.armed[tableOf(kind)] = false;
    const persistents = entry.persistents;
    for (const { listener } of fired) call(listener, event);
    for (const { mode, listener } of persistents) {
      if (mode === 'persistent' || event.type !== 'children-changed') call(listener, event);
    }
    void settle(event.path);
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
    covers(path, table) {
      const entry = entries.get(path);
      return entry !== undefined && isCovered(entry, table);
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
    isArmed: (path, mode) => entries.get(path)?.armed[mode] ?? false,
    hasPersistent(path, mode) {
      const entry = entries.get(path);
      return entry !== undefined && has(entry, mode);
    },
    dispatch(event) {
      fire(event);
      fireAncestors(event);
    },
    rearmPaths() {
      const paths = {
        data: [] as ZnodePath[],
        exists: [] as ZnodePath[],
        child: [] as ZnodePath[],
        persistent: [] as ZnodePath[],
        recursive: [] as ZnodePath[],
      };
      for (const [path, entry] of entries) {
        for (const kind of ['data', 'exists', 'child'] as const) {
          if (!isCovered(entry, tableOf(kind)) && entry.oneShots.some(other => other.kind === kind))
            paths[kind].push(path);
        }
        if (entry.persistents.some(({ mode }) => mode === 'persistent'))
          paths.persistent.push(path);
        if (entry.persistents.some(({ mode }) => mode === 'persistent-recursive'))
          paths.recursive.push(path);
      }
      return paths;
    },
    detached() {
      isAttached = false;
      for (const entry of entries.values()) Object.assign(entry.armed, NOTHING);
    },
    attached() {
      isAttached = true;
      for (const [path, entry] of [...entries]) {
        for (const { mode } of entry.persistents) entry.armed[mode] = true;
        for (const { kind } of entry.oneShots) {
          if (!isCovered(entry, tableOf(kind))) entry.armed[tableOf(kind)] = true;
        }
        hint(path, ({ kind }) => isCovered(entry, tableOf(kind)));
        void settle(path);
      }
    },
  };
}
