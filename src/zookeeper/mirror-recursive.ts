import type { ServerFeatures, Session, Watch, WatchEvent, ZnodePath } from './api.ts';
import { GONE, NODE } from './mirror-pending.ts';
import { readMany, readOne } from './mirror-reads.ts';
import type { EventSink, WatchStrategy } from './mirror-strategy.ts';

/** One answer is decoded and applied in a few milliseconds; larger ones are hardly quicker. */
const MULTI_READ_ITEMS = 500;
const SINGLE_READ_ITEMS = 250;

/**
 * One persistent-recursive watch for each root (servers from 3.6 on). It tells of every node below that was created, changed or
 * deleted; so a node that appears needs no list: whatever is created below it later is announced itself.
 */
export function recursiveStrategy(
  session: Session,
  roots: readonly ZnodePath[],
  features: ServerFeatures,
  sink: EventSink,
): WatchStrategy {
  const watches = new Map<ZnodePath, Watch>();

  const onEvent = (event: WatchEvent): void => {
    if (event.type !== 'children-changed')
      sink(event.path, event.type === 'deleted' ? GONE : NODE, event);
  };

  const armRoot = async (root: ZnodePath, signal: AbortSignal): Promise<void> => {
    if (watches.has(root)) return; // the session puts it in place again at each attachment
    watches.set(root, await session.addWatch(root, 'persistent-recursive', onEvent, { signal }));
  };

  return {
    kind: 'persistent-recursive',
    readItems: features.multiRead ? MULTI_READ_ITEMS : SINGLE_READ_ITEMS,
    goneBy: 'stat',
    arm: async signal => void (await Promise.all(roots.map(root => armRoot(root, signal)))),
    read: (items, signal) =>
      features.multiRead
        ? readMany(session, items, signal)
        : Promise.all(items.map(item => readOne(session, item, signal))),
    readSiblings: features.multiRead
      ? (items, signal) => readMany(session, items, signal)
      : undefined,
    wantsList: ({ stat }, unsure) => unsure && stat.numChildren > 0,
    distrust: () => undefined,
    async close() {
      const closing = [...watches.values()];
      watches.clear();
      await Promise.allSettled(closing.map(watch => watch.close()));
    },
  };
}
