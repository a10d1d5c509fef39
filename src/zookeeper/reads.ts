import type { WaitOptions } from '../kernel/abort.ts';
import { encodedInt, type JuteReader } from '../kernel/jute.ts';
import type {
  NodeChildren,
  NodeData,
  ReadRequest,
  ReadResult,
  Session,
  Stat,
  ZnodePath,
} from './api.ts';
import type { Calls, RawCall, Ticket } from './calls.ts';
import type { ClientLibrary } from './client-library.ts';
import { childOf } from './mirror-paths.ts';
import { AnswerReader } from './node-answer.ts';
import { type Chroot, checkPath } from './path.ts';
import { LEAST_STRING_BYTES, OP, readNames, readStat } from './protocol.ts';
import { NO_NODE } from './server-errors.ts';

export type Reads = Pick<
  Session,
  | 'exists'
  | 'getData'
  | 'getChildren'
  | 'getAcl'
  | 'sync'
  | 'multiRead'
  | 'getEphemerals'
  | 'getAllChildrenNumber'
  | 'whoAmI'
>;

export interface OperationContext {
  readonly calls: Calls;
  readonly library: ClientLibrary;
  readonly chroot: Chroot;
}

export function reads({ calls, library, chroot }: OperationContext): Reads {
  const read = <T>(
    options: WaitOptions | undefined,
    attempt: (ticket: Ticket) => Promise<T>,
  ): Promise<T> => calls.run({ repeat: 'read', signal: options?.signal }, attempt);

  const readRaw = <T>(options: WaitOptions | undefined, call: RawCall<T>): Promise<T> =>
    read(options, ticket => calls.raw(ticket, call));

  return {
    exists: async (path, options) => readRaw(options, existsCall(chroot, path)),
    getData: async (path, options) => readRaw(options, getDataCall(chroot, path)),
    getChildren: async (path, options) => readRaw(options, getChildrenCall(chroot, path, false)),
    getAcl: async (path, options) => {
      checkPath(path);
      return read(options, ticket => library.getAcl(ticket, path));
    },
    sync: async (path, options) => readRaw(options, syncCall(chroot, path)),
    multiRead: async (requests, options) =>
      requests.length === 0 ? [] : readRaw(options, multiReadCall(chroot, requests)),
    getEphemerals: async (prefix, options) => readRaw(options, getEphemeralsCall(chroot, prefix)),
    getAllChildrenNumber: async (path, options) => {
      const serverPath = chroot.toServer(checkPath(path));
      return readRaw(options, {
        op: OP.getAllChildrenNumber,
        path,
        write: writer => writer.string(serverPath),
        read: body => body.int(),
      });
    },
    whoAmI: async options =>
      readRaw(options, {
        op: OP.whoAmI,
        read: body => body.vector(() => readIdentity(body), 2 * LEAST_STRING_BYTES) ?? [],
      }),
  };
}

function readIdentity(body: JuteReader): { readonly scheme: string; readonly id: string } {
  return { scheme: body.string() ?? '', id: body.string() ?? '' };
}

/** By our codec: with every change that a mirror is told of, one of these two is between the event and what comes of it. */
function existsCall(chroot: Chroot, path: ZnodePath): RawCall<Stat | undefined> {
  const serverPath = chroot.toServer(checkPath(path));
  return {
    op: OP.exists,
    path,
    accept: NO_NODE,
    write: writer => writer.string(serverPath).bool(false),
    read: (body, { error }) => (error === NO_NODE ? undefined : readStat(body)),
  };
}

function getDataCall(chroot: Chroot, path: ZnodePath): RawCall<NodeData> {
  const serverPath = chroot.toServer(checkPath(path));
  return {
    op: OP.getData,
    path,
    write: writer => writer.string(serverPath).bool(false),
    read: body => ({ data: body.bytes() ?? Buffer.alloc(0), stat: readStat(body) }),
  };
}

/** GetChildren2; by our codec, since lists may be long. */
export function getChildrenCall(
  chroot: Chroot,
  path: ZnodePath,
  watch: boolean,
): RawCall<NodeChildren> {
  const serverPath = chroot.toServer(checkPath(path));
  return {
    op: OP.getChildren2,
    path,
    write: writer => writer.string(serverPath).bool(watch),
    read: body => ({ children: readNames(body), stat: readStat(body) }),
  };
}

export function syncCall(chroot: Chroot, path: ZnodePath): RawCall<void> {
  const serverPath = chroot.toServer(checkPath(path));
  return { op: OP.sync, path, write: writer => writer.string(serverPath), read: () => undefined };
}

export function getEphemeralsCall(
  chroot: Chroot,
  prefix: ZnodePath,
): RawCall<readonly ZnodePath[]> {
  const serverPath = chroot.toServer(checkPath(prefix));
  return {
    op: OP.getEphemerals,
    path: prefix,
    write: writer => writer.string(serverPath),
    read: body => readNames(body).map(path => chroot.toClient(path)),
  };
}

/** MultiRead (3.6): a header before each item, and one more that says that it is the last. */
export function multiReadCall(
  chroot: Chroot,
  requests: readonly ReadRequest[],
): RawCall<readonly ReadResult[]> {
  return {
    op: OP.multiRead,
    write(writer) {
      let items = '';
      for (const request of requests) items += encodedItem(chroot, request);
      writer.encoded(items + LAST_ITEM);
    },
    read(body) {
      const answers = new AnswerReader(body);
      return requests.map(request => answers.read(request));
    },
  };
}

const itemHeader = (op: number, isLast: boolean): string =>
  `${encodedInt(op)}${isLast ? '\u0001' : '\0'}${encodedInt(-1)}`;
const GET_DATA = itemHeader(OP.getData, false);
const GET_CHILDREN = itemHeader(OP.getChildren, false);
const LAST_ITEM = itemHeader(-1, true);
const UNWATCHED = '\0';

/** Names and paths that need no closer look: each character is one byte. */
const PLAIN_NAME = /^(?!\.{1,2}$)[ -.0-~]+$/;
const PLAIN_PATH = /^[ -~]+$/;

/** Of each byte one character. */
const encodedText = (text: string): string =>
  PLAIN_PATH.test(text) ? text : Buffer.from(text).toString('latin1');

/** @throws RollcallError INVALID_PATH */
function encodedItem(chroot: Chroot, request: ReadRequest): string {
  if (request.kind === 'siblings') return encodedSiblings(chroot, request.path, request.names);
  const path = encodedText(chroot.toServer(checkPath(request.path)));
  const header = request.kind === 'data' ? GET_DATA : GET_CHILDREN;
  return header + encodedInt(path.length) + path + UNWATCHED;
}

/** What their directory makes of each is put together once, for names of one length. */
function encodedSiblings(chroot: Chroot, path: ZnodePath, names: readonly string[]): string {
  const directory = encodedText(chroot.toServer(checkPath(path)));
  const prefix = directory === '/' ? directory : `${directory}/`;
  let items = '';
  let head = '';
  let headFor = -1;
  for (const name of names) {
    if (!PLAIN_NAME.test(name)) {
      items += encodedItem(chroot, { kind: 'data', path: childOf(path, name) });
      continue;
    }
    if (headFor !== name.length) {
      head = `${GET_DATA}${encodedInt(prefix.length + name.length)}${prefix}`;
      headFor = name.length;
    }
    items += head + name + UNWATCHED;
  }
  return items;
}
