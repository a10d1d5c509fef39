import type { Session, WatchListener } from '../../src/zookeeper/api.ts';

/** A real session, of which some operations are replaced. */
export function withOperations(session: Session, operations: Partial<Session>): Session {
  return new Proxy(session, {
    get: (target, key) => Reflect.get(key in operations ? operations : target, key),
  });
}

/** A session that loses the events for which `swallows` says so. */
export function swallowing(session: Session, swallows: (path: string) => boolean): Session {
  const deaf =
    (onEvent: WatchListener): WatchListener =>
    event => {
      if (!swallows(event.path)) onEvent(event);
    };
  return withOperations(session, {
    addWatch: (path, mode, onEvent, options) =>
      session.addWatch(path, mode, deaf(onEvent), options),
    watchData: (path, onEvent, options) => session.watchData(path, deaf(onEvent), options),
    watchChildren: (path, onEvent, options) => session.watchChildren(path, deaf(onEvent), options),
  });
}
