import type { WaitOptions } from '../kernel/abort.ts';
import { hasCode } from '../kernel/errors.ts';
import type { NodeData, Session, Watch, ZnodePath } from '../zookeeper/index.ts';

/** One path at a time, under a one-shot watch that is armed again when it is read after it fired. */
export interface WatchedNode {
  /** undefined when there is no such node. */
  read(path: ZnodePath, options: WaitOptions): Promise<NodeData | undefined>;
  forget(): Promise<void>;
}

export function watchedNode(session: Session, onEvent: () => void): WatchedNode {
  let armed: { readonly path: ZnodePath; readonly watch: Watch } | undefined;

  const forget = async (): Promise<void> => {
    const { watch } = armed ?? {};
    armed = undefined;
    await watch?.close();
  };

  const arm = async (path: ZnodePath, options: WaitOptions): Promise<NodeData> => {
    let fired = false;
    const onFired = (): void => {
      fired = true;
      if (armed?.path === path) armed = undefined;
      onEvent();
    };
    const { watch, ...found } = await session.watchData(path, onFired, options);
    if (!fired) armed = { path, watch };
    return found;
  };

  return {
    async read(path, options) {
      try {
        if (armed?.path === path) return await session.getData(path, options);
        await forget();
        return await arm(path, options);
      } catch (error) {
        if (!hasCode(error, 'NO_NODE')) throw error;
        await forget();
        return undefined;
      }
    },
    forget,
  };
}
