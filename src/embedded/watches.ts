import { parentOf } from './paths.ts';

/** `Watcher.Event.EventType` of ZooKeeper. */
export const EVENT = {
  created: 1,
  deleted: 2,
  dataChanged: 3,
  childrenChanged: 4,
} as const;

export type EventType = (typeof EVENT)[keyof typeof EVENT];

/** Whoever hears of events: a connection, in whose order of output an event has its place. */
export interface Watcher {
  notify(type: EventType, path: string): void;
}

export type WatchMode = 'one-shot' | 'persistent' | 'persistent-recursive';

const BITS: Readonly<Record<WatchMode, number>> = {
  'one-shot': 1,
  persistent: 2,
  'persistent-recursive': 4,
};

/** The watches of one kind. A watcher may have all modes on one path: one takes nothing from another. */
interface WatchTable {
  readonly size: number;
  readonly paths: number;
  add(path: string, watcher: Watcher, mode: WatchMode): void;
  has(path: string, watcher: Watcher): boolean;
  /** Takes every mode of this watcher on this path away. */
  remove(path: string, watcher: Watcher): boolean;
  forget(watcher: Watcher): void;
  /** Tells each watcher once, and returns whom; those in `told` are left out (their one-shots go all the same). */
  fire(path: string, type: EventType, told?: ReadonlySet<Watcher>): ReadonlySet<Watcher>;
}

const NOBODY: ReadonlySet<Watcher> = new Set();

function watchTable(): WatchTable {
  const byPath = new Map<string, Map<Watcher, number>>();
  const byWatcher = new Map<Watcher, Set<string>>();
  let size = 0;
  let recursive = 0;

  const drop = (path: string, watcher: Watcher): number => {
    const watchers = byPath.get(path);
    const bits = watchers?.get(watcher);
    if (watchers === undefined || bits === undefined) return 0;
    watchers.delete(watcher);
    if (watchers.size === 0) byPath.delete(path);
    size -= 1;
    if ((bits & BITS['persistent-recursive']) !== 0) recursive -= 1;
    return bits;
  };

  const unlist = (path: string, watcher: Watcher): void => {
    const paths = byWatcher.get(watcher);
    paths?.delete(path);
    if (paths?.size === 0) byWatcher.delete(watcher);
  };

  const collectHere = (path: string, type: EventType, found: Set<Watcher>): void => {
    const watchers = byPath.get(path);
    if (watchers === undefined) return;
    for (const [watcher, bits] of watchers) {
      if (bits !== BITS['persistent-recursive'] || type !== EVENT.childrenChanged)
        found.add(watcher);
      if ((bits & 1) === 0) continue;
      if (bits !== 1) watchers.set(watcher, bits & ~1);
      else if (drop(path, watcher) !== 0) unlist(path, watcher);
    }
  };

  const collectAbove = (path: string, found: Set<Watcher>): void => {
    for (let above = parentOf(path); above !== undefined && path !== '/'; above = parentOf(above)) {
      for (const [watcher, bits] of byPath.get(above) ?? [])
        if ((bits & BITS['persistent-recursive']) !== 0) found.add(watcher);
      if (above === '/') return;
    }
  };

  return {
    get size() {
      return size;
    },
    get paths() {
      return byPath.size;
    },
    add(path, watcher, mode) {
      const watchers = byPath.get(path) ?? new Map<Watcher, number>();
      if (watchers.size === 0) byPath.set(path, watchers);
      const before = watchers.get(watcher) ?? 0;
      const after = before | BITS[mode];
      watchers.set(watcher, after);
      if (before === 0) size += 1;
      if (mode === 'persistent-recursive' && after !== before) recursive += 1;
      const paths = byWatcher.get(watcher);
      if (paths === undefined) byWatcher.set(watcher, new Set([path]));
      else paths.add(path);
    },
    has: (path, watcher) => byPath.get(path)?.has(watcher) === true,
    remove(path, watcher) {
      unlist(path, watcher);
      return drop(path, watcher) !== 0;
    },
    forget(watcher) {
      for (const path of byWatcher.get(watcher) ?? []) drop(path, watcher);
      byWatcher.delete(watcher);
    },
    fire(path, type, told = NOBODY) {
      if (size === 0) return NOBODY;
      const found = new Set<Watcher>();
      collectHere(path, type, found);
      if (recursive > 0 && type !== EVENT.childrenChanged) collectAbove(path, found);
      for (const watcher of found) if (!told.has(watcher)) watcher.notify(type, path);
      return found;
    },
  };
}

/** What removeWatches and checkWatches name. A persistent watch is both. */
export type WatchKind = 'children' | 'data' | 'any';

/** All watches of the server. */
export interface Watches {
  /** One for each watcher and path and kind, as `wchs` counts. */
  readonly size: number;
  readonly paths: number;
  watchData(path: string, watcher: Watcher): void;
  watchChildren(path: string, watcher: Watcher): void;
  watchAlways(path: string, watcher: Watcher, mode: 'persistent' | 'persistent-recursive'): void;
  has(path: string, watcher: Watcher, kind: WatchKind): boolean;
  remove(path: string, watcher: Watcher, kind: WatchKind): boolean;
  /** The connection has ended. */
  forget(watcher: Watcher): void;
  created(path: string): void;
  deleted(path: string): void;
  dataChanged(path: string): void;
}

export function watches(): Watches {
  const data = watchTable();
  const children = watchTable();
  const tables: Readonly<Record<WatchKind, readonly WatchTable[]>> = {
    data: [data],
    children: [children],
    any: [children, data],
  };
  return {
    get size() {
      return data.size + children.size;
    },
    get paths() {
      return data.paths + children.paths;
    },
    watchData: (path, watcher) => data.add(path, watcher, 'one-shot'),
    watchChildren: (path, watcher) => children.add(path, watcher, 'one-shot'),
    watchAlways(path, watcher, mode) {
      for (const table of tables.any) table.add(path, watcher, mode);
    },
    has: (path, watcher, kind) => tables[kind].some(table => table.has(path, watcher)),
    remove: (path, watcher, kind) =>
      tables[kind].map(table => table.remove(path, watcher)).includes(true),
    forget(watcher) {
      for (const table of tables.any) table.forget(watcher);
    },
    created(path) {
      data.fire(path, EVENT.created);
      children.fire(parentOf(path) ?? '/', EVENT.childrenChanged);
    },
    deleted(path) {
      children.fire(path, EVENT.deleted, data.fire(path, EVENT.deleted));
      children.fire(parentOf(path) ?? '/', EVENT.childrenChanged);
    },
    dataChanged(path) {
      data.fire(path, EVENT.dataChanged);
    },
  };
}
