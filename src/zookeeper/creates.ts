import { hasCode } from '../kernel/errors.ts';
import type { Acl, Created, CreateMode, CreateOptions, Session, ZnodePath } from './api.ts';
import { checkAcl, OPEN_ACL } from './acl.ts';
import type { RawCall, Ticket } from './calls.ts';
import type { EphemeralBudget, Reservation } from './ephemeral-budget.ts';
import { type Chroot, checkPath } from './path.ts';
import { checkGuid, findLost, type Lost } from './protected-create.ts';
import { CREATE_MODES, type CreateBody, readStat, writeCreate } from './protocol.ts';
import { getEphemeralsCall, type OperationContext } from './reads.ts';
import { isRefusal } from './server-errors.ts';

export type Creates = Pick<Session, 'create' | 'ensurePath'>;

export interface CreateContext extends OperationContext {
  readonly budget: EphemeralBudget;
  readonly sessionId: () => bigint;
}

const NOTHING = Buffer.alloc(0);

export function creates(context: CreateContext): Creates {
  const { calls, library, chroot, budget } = context;

  const create = async (
    path: ZnodePath,
    data: Buffer,
    options: CreateOptions,
  ): Promise<Created> => {
    const { mode = 'persistent', acl = OPEN_ACL, guid, signal } = options;
    checkPath(path, CREATE_MODES[mode].sequential);
    checkGuid(path, options);
    const call = createCall(chroot, { path, data, acl: checkAcl(acl), mode, ttlMs: options.ttlMs });
    const reservation = CREATE_MODES[mode].ephemeral ? await reserve(path, signal) : undefined;
    const made = (created: Created): Created => {
      reservation?.created(created.path);
      return created;
    };
    let underWay: Promise<Created> | undefined;
    const lost = (): Lost => ({ path, guid, mode, sessionId: context.sessionId() });
    const attempt = async (ticket: Ticket, tries: number): Promise<Created> => {
      const found = tries === 0 ? undefined : await findLost(context, ticket, lost());
      if (found !== undefined) return made(found);
      underWay = calls.raw(ticket, call);
      return made(await underWay);
    };
    try {
      return await calls.run(
        { repeat: guid === undefined ? 'once' : 'idempotent', signal },
        attempt,
      );
    } catch (error) {
      if (isRefusal(error)) reservation?.release();
      else reservation?.created(path); // It may be there; near the limit the server's own list tells.
      if (signal?.aborted === true && underWay !== undefined && isOnlyOurs(mode))
        void undo(underWay, lost());
      throw error;
    }
  };

  const reserve = async (
    path: ZnodePath,
    signal: AbortSignal | undefined,
  ): Promise<Reservation | undefined> => {
    const owned = (): Promise<readonly ZnodePath[]> =>
      calls.run({ repeat: 'read', signal }, ticket =>
        calls.raw(ticket, getEphemeralsCall(chroot, '/')),
      );
    const [reservation] = await budget.reserve([path], owned);
    return reservation;
  };

  /** The caller gave up while the create was on its way: nobody else would ever take the node away. */
  const undo = async (underWay: Promise<Created>, lost: Lost): Promise<void> => {
    try {
      const made = await underWay.catch((error: unknown) => {
        if (!hasCode(error, 'CONNECTION_LOSS', 'SESSION_LOST')) throw error;
        return undefined;
      });
      let created = made ?? (await findInAnyEpoch(lost));
      while (created !== undefined && !(await isRemoved(created.path)))
        created = await findInAnyEpoch(lost);
    } catch {
      // Refused, gone already, or the session was closed, and all that it owned is gone with it.
    }
  };

  /** A session that was lost may be taken up again, with all its nodes: then it is looked for once there is a connection. */
  const findInAnyEpoch = (lost: Lost): Promise<Created | undefined> =>
    calls.run({ repeat: 'read', signal: new AbortController().signal }, ticket =>
      findLost(context, ticket, lost),
    );

  /** Returns whether that is done; false: the session was lost before it was. */
  const isRemoved = async (path: ZnodePath): Promise<boolean> => {
    try {
      await calls.run({ repeat: 'idempotent' }, ticket => library.remove(ticket, path, -1));
      budget.removed(path);
      return true;
    } catch (error) {
      if (!hasCode(error, 'SESSION_LOST')) throw error;
      return false;
    }
  };

  const ensure = async (path: string, options: EnsureOptions): Promise<void> => {
    if (path === '') return;
    const { acl = OPEN_ACL, mode = 'persistent', signal } = options;
    const { toServer, toClient } = AS_THE_SERVER_SAYS;
    const call = createCall(
      { prefix: '', toServer, toClient },
      { path, data: NOTHING, acl: checkAcl(acl), mode, ttlMs: undefined },
    );
    try {
      await calls.run({ repeat: 'idempotent', signal }, ticket => calls.raw(ticket, call));
    } catch (error) {
      if (hasCode(error, 'NODE_EXISTS')) return;
      if (!hasCode(error, 'NO_NODE')) throw error;
      await ensure(path.slice(0, path.lastIndexOf('/')), options);
      await ensure(path, options);
    }
  };

  return {
    create: (path, data = NOTHING, options = {}) => create(path, data, options),
    async ensurePath(path, options = {}) {
      checkPath(path);
      const there = await calls.run({ repeat: 'read', signal: options.signal }, ticket =>
        library.exists(ticket, path),
      );
      if (there === undefined) await ensure(chroot.toServer(path), options);
    },
  };
}

interface EnsureOptions {
  readonly acl?: readonly Acl[];
  readonly mode?: 'persistent' | 'container';
  readonly signal?: AbortSignal;
}

const AS_THE_SERVER_SAYS: Chroot = { prefix: '', toServer: path => path, toClient: path => path };

/** Ephemeral and sequential nodes belong to their creator alone; a plain node may be what others wait for. */
function isOnlyOurs(mode: CreateMode): boolean {
  return CREATE_MODES[mode].ephemeral || CREATE_MODES[mode].sequential;
}

function createCall(chroot: Chroot, body: CreateBody): RawCall<Created> {
  const serverPath = chroot.toServer(body.path);
  return {
    op: CREATE_MODES[body.mode].op,
    path: body.path,
    write: writer => writeCreate(writer, { ...body, path: serverPath }),
    read: reader => ({
      path: chroot.toClient(reader.string() ?? serverPath),
      stat: readStat(reader),
    }),
  };
}
