import type { JuteReader } from '../kernel/jute.ts';
import { OP } from '../kernel/wire.ts';
import type { Database } from './database.ts';
import { malformed, readPath } from './decode.ts';
import { ERROR } from './error-code.ts';
import type { Answer, Reader } from './reads.ts';
import type { Znode } from './tree.ts';
import { EVENT, type EventType, type Watcher, type Watches, type WatchKind } from './watches.ts';

const KINDS: ReadonlyMap<number, WatchKind> = new Map([
  [1, 'children'],
  [2, 'data'],
  [3, 'any'],
] as const);

const MODES = new Map([
  [0, 'persistent'],
  [1, 'persistent-recursive'],
] as const);

const DONE: Answer = () => undefined;

function readKind(body: JuteReader): { readonly path: string; readonly kind: WatchKind } {
  const path = readPath(body);
  const code = body.int();
  const kind = KINDS.get(code);
  if (kind === undefined) throw malformed(`${code} is no kind of watch`);
  return { path, kind };
}

function readPaths(body: JuteReader): readonly string[] {
  const paths = body.vector(() => readPath(body), 4);
  if (paths === undefined) throw malformed('a list of paths is null');
  return paths;
}

const addWatch: Reader = ({ watches }, caller, body) => {
  const path = readPath(body);
  const code = body.int();
  const mode = code === 0 || code === 1 ? MODES.get(code) : undefined;
  if (mode === undefined) throw malformed(`${code} is no mode of a watch`);
  watches.watchAlways(path, caller, mode);
  return writer => void writer.int(ERROR.ok);
};

const removeWatches: Reader = ({ watches }, caller, body) => {
  const { path, kind } = readKind(body);
  return watches.remove(path, caller, kind) ? DONE : ERROR.noWatcher;
};

const checkWatches: Reader = ({ watches }, caller, body) => {
  const { path, kind } = readKind(body);
  return watches.has(path, caller, kind) ? DONE : ERROR.noWatcher;
};

/** A client that was away lays its watches again: one-shots whose change it missed fire at once. */
const setWatches =
  (withPersistent: boolean): Reader =>
  (database, caller, body) => {
    const sinceZxid = body.safeLong();
    const paths = (): readonly string[] => readPaths(body);
    const [data, exist, children] = [paths(), paths(), paths()];
    const persistent = withPersistent ? paths() : [];
    const recursive = withPersistent ? paths() : [];
    for (const path of data) rearm(database, caller, path, DATA, sinceZxid);
    for (const path of exist) rearmExist(database, caller, path);
    for (const path of children) rearm(database, caller, path, CHILDREN, sinceZxid);
    for (const path of persistent) database.watches.watchAlways(path, caller, 'persistent');
    for (const path of recursive)
      database.watches.watchAlways(path, caller, 'persistent-recursive');
    return DONE;
  };

/** What a one-shot on a node that was there waits for, but for the node's end. */
interface OneShot {
  readonly event: EventType;
  /** The zxid of what it waits for, when that happened last. */
  readonly happened: (node: Znode) => number;
  readonly lay: (watches: Watches, path: string, watcher: Watcher) => void;
}

const DATA: OneShot = {
  event: EVENT.dataChanged,
  happened: node => node.mzxid,
  lay: (watches, path, watcher) => watches.watchData(path, watcher),
};

const CHILDREN: OneShot = {
  event: EVENT.childrenChanged,
  happened: node => node.pzxid,
  lay: (watches, path, watcher) => watches.watchChildren(path, watcher),
};

function rearm(
  { tree, watches }: Database,
  watcher: Watcher,
  path: string,
  { event, happened, lay }: OneShot,
  since: number,
): void {
  const node = tree.find(path);
  if (node === undefined) watcher.notify(EVENT.deleted, path);
  else if (happened(node) > since) watcher.notify(event, path);
  else lay(watches, path, watcher);
}

function rearmExist({ tree, watches }: Database, watcher: Watcher, path: string): void {
  if (tree.find(path) === undefined) watches.watchData(path, watcher);
  else watcher.notify(EVENT.created, path);
}

export const WATCH_REQUESTS: ReadonlyMap<number, Reader> = new Map([
  [OP.addWatch, addWatch],
  [OP.removeWatches, removeWatches],
  [OP.checkWatches, checkWatches],
  [OP.setWatches, setWatches(false)],
  [OP.setWatches2, setWatches(true)],
]);
