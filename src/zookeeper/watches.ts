import type { JuteWriter } from '../kernel/jute.ts';
import type { PersistentWatchMode, Session, Watch, WatchListener, ZnodePath } from './api.ts';
import type { Calls, Ticket } from './calls.ts';
import { type Chroot, checkPath } from './path.ts';
import { OP } from './protocol.ts';
import { getChildrenCall, type OperationContext } from './reads.ts';
import type { Register } from './client-library-shape.ts';
import type { WatchHub, WatchRemoval } from './watch-hub.ts';

export type Watches = Pick<Session, 'watchExists' | 'watchData' | 'watchChildren' | 'addWatch'>;

export interface WatchContext extends OperationContext {
  readonly hub: WatchHub;
}

/** `Watcher.WatcherType` and `AddWatchMode` of ZooKeeper. */
const REMOVAL_TYPES: Readonly<Record<WatchRemoval, number>> = { child: 1, data: 2, any: 3 };
const ADD_MODES: Readonly<Record<PersistentWatchMode, number>> = {
  persistent: 0,
  'persistent-recursive': 1,
};

export function watches(context: WatchContext): Watches {
  const { calls, library, chroot, hub } = context;

  /** A one-shot listener that is registered as the answer comes in, and never after its watch was closed. */
  const oneShot = (
    path: ZnodePath,
    onEvent: WatchListener,
  ): { readonly register: Register; readonly watch: Watch } => {
    let closed = false;
    let remove: () => Promise<void> = () => Promise.resolve();
    const register: Register = kind => {
      if (closed) return;
      const registered = { kind, listener: onEvent };
      hub.addOneShot(path, registered);
      remove = () => hub.removeOneShot(path, registered);
    };
    const watch = watchHandle(path, () => {
      closed = true;
      return remove();
    });
    return { register, watch };
  };

  const watched = async <T>(
    path: ZnodePath,
    onEvent: WatchListener,
    signal: AbortSignal | undefined,
    attempt: (ticket: Ticket, register: Register) => Promise<T>,
  ): Promise<{ readonly value: T; readonly watch: Watch }> => {
    const { register, watch } = oneShot(checkPath(path), onEvent);
    try {
      return {
        value: await calls.run({ repeat: 'read', signal }, ticket => attempt(ticket, register)),
        watch,
      };
    } catch (error) {
      void watch.close();
      throw error;
    }
  };

  const readChildren = (
    ticket: Ticket,
    path: ZnodePath,
    register: Register,
  ): ReturnType<Session['getChildren']> => {
    const arm = !hub.covers(path);
    hub.armBegun(path, 'child');
    const ended: Ticket['ended'] = reply => hub.armEnded(path, 'child', arm && reply?.error === 0);
    const call = getChildrenCall(chroot, path, arm);
    return calls.raw(
      { ...ticket, ended },
      {
        ...call,
        read(body, reply) {
          const value = call.read(body, reply);
          register('child');
          return value;
        },
      },
    );
  };

  const arm = (ticket: Ticket, path: ZnodePath, mode: PersistentWatchMode): Promise<void> => {
    const serverPath = chroot.toServer(path);
    const wanted = hub.serverMode(path, mode);
    const write = (writer: JuteWriter): void =>
      void writer.string(serverPath).int(ADD_MODES[wanted]);
    hub.armBegun(path, wanted);
    const ended: Ticket['ended'] = reply => hub.armEnded(path, wanted, reply?.error === 0);
    return calls.raw({ ...ticket, ended }, { op: OP.addWatch, path, write, read: () => undefined });
  };

  return {
    async watchExists(path, onEvent, options) {
      const { value, watch } = await watched(path, onEvent, options?.signal, (ticket, register) =>
        library.exists(ticket, path, register),
      );
      return { stat: value, watch };
    },
    async watchData(path, onEvent, options) {
      const { value, watch } = await watched(path, onEvent, options?.signal, (ticket, register) =>
        library.getData(ticket, path, register),
      );
      return { ...value, watch };
    },
    async watchChildren(path, onEvent, options) {
      const { value, watch } = await watched(path, onEvent, options?.signal, (ticket, register) =>
        readChildren(ticket, path, register),
      );
      return { ...value, watch };
    },
    async addWatch(path, mode, onEvent, options) {
      checkPath(path);
      const persistent = { mode, listener: onEvent };
      const watch = watchHandle(path, () => hub.removePersistent(path, persistent));
      hub.addPersistent(path, persistent);
      const isThere = hub.isArmed(path, hub.serverMode(path, mode));
      try {
        if (!isThere)
          await calls.run({ repeat: 'read', signal: options?.signal }, ticket =>
            arm(ticket, path, mode),
          );
        return watch;
      } catch (error) {
        void watch.close();
        throw error;
      }
    },
  };
}

/** Takes a watch away on the server; what it does not have any more, or cannot be told now, is as good as gone. */
export async function forgetWatch(
  calls: Calls,
  chroot: Chroot,
  path: ZnodePath,
  removal: WatchRemoval,
): Promise<void> {
  const serverPath = chroot.toServer(path);
  const write = (writer: JuteWriter): void =>
    void writer.string(serverPath).int(REMOVAL_TYPES[removal]);
  try {
    await calls.run({ repeat: 'once' }, ticket =>
      calls.raw(ticket, { op: OP.removeWatches, path, write, read: () => undefined }),
    );
  } catch {
    // No such watch, or no connection (which takes the watches with it): either way it is not there.
  }
}

function watchHandle(path: ZnodePath, end: () => Promise<void>): Watch {
  let closing: Promise<void> | undefined;
  const close = (): Promise<void> => (closing ??= end());
  return { path, close, [Symbol.asyncDispose]: close };
}
