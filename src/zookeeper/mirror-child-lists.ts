import { hasCode } from '../kernel/errors.ts';
import type {
  ServerFeatures,
  Session,
  Watch,
  WatchEvent,
  WatchListener,
  ZnodePath,
} from './api.ts';
import { GONE, LIST, type Need, NODE } from './mirror-pending.ts';
import { type Found, foundInstead, type ReadItem, readMany, readOne } from './mirror-reads.ts';
import { type EventSink, mayHaveChildren, type WatchStrategy } from './mirror-strategy.ts';

/** With four reads under way, 1 000 requests: as many as the server takes from one connection. */
const READ_ITEMS = 250;
/** So many watches are given back at a time. */
const CLOSE_AT_ONCE = 1000;

/**
 * A one-shot data watch on every node and a one-shot child watch on every node that may have children: for servers before 3.6.
 * Reading a path arms its watch in the same request, unless the watch is there already.
 */
export function childListsStrategy(
  session: Session,
  roots: readonly ZnodePath[],
  features: ServerFeatures,
  sink: EventSink,
): WatchStrategy {
  const rootSet = new Set(roots);
  /** A root's deletion is not seen in any list of ours. */
  const needOfDeletion = (path: ZnodePath): Need => (rootSet.has(path) ? NODE : GONE);
  const onData = (event: WatchEvent): void => {
    data.spent(event.path);
    sink(event.path, event.type === 'deleted' ? needOfDeletion(event.path) : NODE, event);
  };
  const onChild = (event: WatchEvent): void => {
    children.spent(event.path);
    sink(event.path, event.type === 'deleted' ? needOfDeletion(event.path) : LIST, event);
  };
  const data = armedWatches(onData);
  const children = armedWatches(onChild);

  const readData = async (path: ZnodePath, signal: AbortSignal): Promise<Found> => {
    try {
      const found = await data.arm(path, onEvent => session.watchData(path, onEvent, { signal }));
      return { kind: 'data', path, data: found.data, stat: found.stat };
    } catch (error) {
      if (!rootSet.has(path) || !hasCode(error, 'NO_NODE')) return foundInstead(path, error);
    }
    // A root that is not there is watched for. Made in between, it is read with the watch that `exists` has left on it.
    const { stat } = await data.arm(path, onEvent =>
      session.watchExists(path, onEvent, { signal }),
    );
    return stat === undefined
      ? { kind: 'missing', path }
      : readOne(session, { kind: 'data', path }, signal);
  };

  const readList = async (path: ZnodePath, signal: AbortSignal): Promise<Found> => {
    try {
      const found = await children.arm(path, onEvent =>
        session.watchChildren(path, onEvent, { signal }),
      );
      return { kind: 'children', path, names: found.children, stat: found.stat };
    } catch (error) {
      return foundInstead(path, error);
    }
  };

  const isArmed = ({ kind, path }: ReadItem): boolean =>
    kind === 'stat' || (kind === 'data' ? data.has(path) : children.has(path));

  const readArming = (item: ReadItem, signal: AbortSignal): Promise<Found> => {
    if (isArmed(item)) return readOne(session, item, signal);
    return item.kind === 'children' ? readList(item.path, signal) : readData(item.path, signal);
  };

  return {
    kind: 'child-lists',
    readItems: READ_ITEMS,
    goneBy: 'children',
    readSiblings: undefined,
    arm: () => Promise.resolve(),
    async read(items, signal) {
      const nodes = items.filter(item => item.kind === 'data' && isArmed(item));
      if (!features.multiRead || nodes.length < 2)
        return Promise.all(items.map(item => readArming(item, signal)));
      const together = new Set(nodes);
      const [many, ...others] = await Promise.all([
        readMany(session, nodes, signal),
        ...items.filter(item => !together.has(item)).map(item => readArming(item, signal)),
      ]);
      const [ofMany, ofOthers] = [many.values(), others.values()];
      return items.flatMap(item => (together.has(item) ? ofMany : ofOthers).next().value ?? []);
    },
    wantsList: ({ path, stat }, unsure) => mayHaveChildren(stat) && (unsure || !children.has(path)),
    distrust(path) {
      data.forget(path);
      children.forget(path);
    },
    async close() {
      await data.close();
      await children.close();
    },
  };
}

/** The one-shot watches of one kind that are thought to be on the server. */
interface ArmedWatches {
  /** Also while its request is under way: a read sent after it is answered after it. */
  has(path: ZnodePath): boolean;
  arm<T extends { readonly watch: Watch }>(
    path: ZnodePath,
    request: (onEvent: WatchListener) => Promise<T>,
  ): Promise<T>;
  spent(path: ZnodePath): void;
  forget(path: ZnodePath): void;
  close(): Promise<void>;
}

function armedWatches(onEvent: WatchListener): ArmedWatches {
  const armed = new Map<ZnodePath, Watch>();
  /** The event may come before the answer to the request that armed the watch has been looked at. */
  const arming = new Map<ZnodePath, object>();

  const forget = (path: ZnodePath): void => {
    arming.delete(path);
    const watch = armed.get(path);
    armed.delete(path);
    watch?.close().catch(() => undefined); // the connection is away, and the watch with it
  };

  return {
    has: path => armed.has(path) || arming.has(path),
    async arm(path, request) {
      const token = {};
      arming.set(path, token);
      try {
        const found = await request(onEvent);
        if (arming.get(path) === token) armed.set(path, found.watch);
        return found;
      } finally {
        if (arming.get(path) === token) arming.delete(path);
      }
    },
    spent(path) {
      arming.delete(path);
      armed.delete(path);
    },
    forget,
    async close() {
      const watches = [...armed.values()];
      armed.clear();
      arming.clear();
      for (let at = 0; at < watches.length; at += CLOSE_AT_ONCE) {
        await Promise.allSettled(watches.slice(at, at + CLOSE_AT_ONCE).map(watch => watch.close()));
      }
    },
  };
}
