import { hasCode, RollcallError } from '../kernel/errors.ts';
import type { Created, CreateMode, CreateOptions, ZnodePath } from './api.ts';
import type { Ticket } from './calls.ts';
import { getChildrenCall, type OperationContext, syncCall } from './reads.ts';
import { nameOf, parentOf } from './path.ts';
import { CREATE_MODES } from './protocol.ts';

/** What finding a lost node again needs. */
export interface Lost {
  readonly path: ZnodePath;
  /** Without one nothing can be found. */
  readonly guid: string | undefined;
  readonly mode: CreateMode;
  readonly sessionId: bigint;
}

/**
 * Looks for a node whose create lost its answer, by the GUID in its name. The server in use is brought up to date first: it may be
 * another one, that has not heard of the create yet. An ephemeral node of another session is not ours.
 */
export async function findLost(
  { calls, library, chroot }: OperationContext,
  ticket: Ticket,
  lost: Lost,
): Promise<Created | undefined> {
  const { guid } = lost;
  if (guid === undefined) return undefined;
  const parent = parentOf(lost.path);
  await calls.raw(ticket, syncCall(chroot, parent));
  for (const name of await siblings()) {
    if (!name.includes(guid) || !isOurs(name, lost)) continue;
    const path = parent === '/' ? `/${name}` : `${parent}/${name}`;
    const stat = await library.exists(ticket, path);
    if (stat === undefined) continue;
    if (CREATE_MODES[lost.mode].ephemeral && stat.ephemeralOwner !== lost.sessionId) continue;
    return { path, stat };
  }
  return undefined;

  async function siblings(): Promise<readonly string[]> {
    try {
      return (await calls.raw(ticket, getChildrenCall(chroot, parent, false))).children;
    } catch (error) {
      if (hasCode(error, 'NO_NODE')) return [];
      throw error;
    }
  }
}

/** The name as it was asked for, and where the mode gives one, a sequence number. */
function isOurs(name: string, { path, mode }: Lost): boolean {
  const asked = nameOf(path);
  if (!CREATE_MODES[mode].sequential) return name === asked;
  return name.startsWith(asked) && /^-?\d{10}$/.test(name.slice(asked.length));
}

/** @throws RollcallError BAD_ARGUMENTS when the GUID is not in the name: it could not be found again by it. */
export function checkGuid(path: ZnodePath, options: CreateOptions): void {
  const { guid } = options;
  if (guid === undefined || (guid !== '' && nameOf(path).includes(guid))) return;
  throw new RollcallError(
    'BAD_ARGUMENTS',
    `a protected create needs its GUID in the node's name: ${path}`,
    { details: { path } },
  );
}
