import { abortable, deferred, type WaitOptions } from '../kernel/abort.ts';
import { hasCode, RollcallError } from '../kernel/errors.ts';
import {
  encodeOverride,
  issueText,
  type Layout,
  type Override,
  OverrideSchema,
  ProviderIdSchema,
  ServiceNameSchema,
} from '../registry/index.ts';
import type { Session, ZnodePath } from '../zookeeper/index.ts';
import type { AggregatorPort, View } from './ports.ts';

export interface OverrideWritesParts {
  readonly session: Session;
  readonly where: Layout;
  readonly view: View;
}

/** How often a write is tried whose answer was lost, or that another one crossed. */
const TRIES = 5;

/** Writes operators' overrides, and waits until this replica's own view shows them. */
export function overrideWrites(
  parts: OverrideWritesParts,
): Pick<AggregatorPort, 'putOverride' | 'deleteOverride'> {
  const { session, where, view } = parts;

  const shown = async (zxid: bigint, { signal }: WaitOptions): Promise<void> => {
    const reached = deferred<void>();
    const look = (): void => {
      if (view.watermark >= zxid) reached.resolve();
    };
    const undo = view.onTopic('watermark', look);
    look();
    try {
      await abortable(reached.promise, signal);
    } finally {
      undo();
    }
  };

  const write = async (path: ZnodePath, data: Buffer, options: WaitOptions): Promise<bigint> => {
    try {
      return (await session.setData(path, data, -1, options)).mzxid;
    } catch (error) {
      if (!hasCode(error, 'NO_NODE')) throw error;
    }
    await session.ensurePath(path.slice(0, path.lastIndexOf('/')), options);
    return (await session.create(path, data, options)).stat.czxid;
  };

  /** To write the same once more changes nothing: what may have happened is simply done again. */
  const persistently = async <T>(work: () => Promise<T>): Promise<T> => {
    if (session.state.kind !== 'connected') throw unavailable();
    for (let left = TRIES; ; left -= 1) {
      try {
        return await work();
      } catch (error) {
        if (hasCode(error, 'SESSION_LOST', 'SESSION_CLOSED')) throw unavailable(error);
        const isPassing = hasCode(error, 'CONNECTION_LOSS', 'NODE_EXISTS', 'NO_NODE');
        if (!isPassing) throw error;
        if (left <= 1) throw unavailable(error);
      }
    }
  };

  return {
    async putOverride(service, id, override, options = {}) {
      const path = pathOf(where, service, id);
      const data = encodeOverride(checked(override));
      const index = await persistently(() => write(path, data, options));
      await shown(index, options);
      return { index };
    },
    async deleteOverride(service, id, options = {}) {
      const path = pathOf(where, service, id);
      const existed = await persistently(async () => {
        if ((await session.exists(path, options)) === undefined) return false;
        await session.remove(path, -1, options);
        return true;
      });
      await shown(session.lastZxid, options);
      return existed;
    },
  };
}

function unavailable(cause?: unknown): RollcallError {
  const text = 'ZooKeeper is away: nothing can be written now, try again';
  return new RollcallError('ZOOKEEPER_UNAVAILABLE', text, { cause });
}

function checked(override: Override): Override {
  const parsed = OverrideSchema.safeParse(override);
  if (parsed.success) return parsed.data;
  throw new RollcallError('INVALID_REQUEST', `not an override: ${issueText(parsed.error)}`);
}

function pathOf(where: Layout, service: string, id: string): ZnodePath {
  const name = ServiceNameSchema.safeParse(service);
  if (!name.success) throw new RollcallError('INVALID_REQUEST', issueText(name.error));
  const own = ProviderIdSchema.safeParse(id);
  if (!own.success) throw new RollcallError('INVALID_REQUEST', issueText(own.error));
  return where.override(service, id);
}
