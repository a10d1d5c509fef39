import { RollcallError } from '../kernel/errors.ts';
import type { Acl, NodeData, Stat, ZnodePath } from './api.ts';
import type { Done, Ticket } from './calls.ts';
import {
  library,
  type LibraryAcl,
  libraryJute,
  type LibraryManager,
  type LibraryRecord,
  type LibraryRequest,
  type LibraryStat,
  type Register,
} from './client-library-shape.ts';
import type { Reply } from './pipeline.ts';
import { emptyFrame, OP, operationName } from './protocol.ts';
import { NO_NODE, serverError } from './server-errors.ts';
import type { WatchTable } from './watch-hub.ts';

/** The connection below the library, and what it needs of the session. */
export interface LibraryWire {
  readonly chroot: string;
  submit(
    request: { readonly op: number; readonly frame: Buffer },
    ticket: Ticket,
    done: Done,
  ): void;
  readonly session: () => {
    readonly sessionId: bigint;
    readonly password: Buffer;
    readonly timeoutMs: number;
  };
  /** Called as a request that arms a watch goes out: whether to arm it on the server, and who is told of the end. */
  arming(
    path: ZnodePath,
    table: WatchTable,
  ): { readonly arm: boolean; ended(armed: boolean): void };
}

/** Ordinary operations by the library's Client: one try each, on our connection. */
export interface ClientLibrary {
  exists(ticket: Ticket, path: ZnodePath, watcher?: Register): Promise<Stat | undefined>;
  getData(ticket: Ticket, path: ZnodePath, watcher?: Register): Promise<NodeData>;
  setData(ticket: Ticket, path: ZnodePath, data: Buffer, version: number): Promise<Stat>;
  remove(ticket: Ticket, path: ZnodePath, version: number): Promise<void>;
  getAcl(
    ticket: Ticket,
    path: ZnodePath,
  ): Promise<{ readonly acl: readonly Acl[]; readonly stat: Stat }>;
  setAcl(ticket: Ticket, path: ZnodePath, acl: readonly Acl[], version: number): Promise<Stat>;
}

const SYSTEM_ERROR = -1;
const CONNECTION_LOSS = -4;
/** The library throws inside the socket's handler when it is to make an exception of any other code. */
const CODES_IT_KNOWS = new Set(
  Object.values(library.Exception).filter(value => typeof value === 'number'),
);

const RESPONSES: ReadonlyMap<number, string> = new Map([
  [OP.exists, 'ExistsResponse'],
  [OP.getData, 'GetDataResponse'],
  [OP.setData, 'SetDataResponse'],
  [OP.getAcl, 'GetACLResponse'],
  [OP.setAcl, 'SetACLResponse'],
]);

export function clientLibrary(wire: LibraryWire): ClientLibrary {
  // It parses an address and opens nothing: the manager that would is replaced before anything is asked of it.
  const client = library.createClient('localhost:2181', { retries: 0 });
  const reasons = new WeakMap<Error, RollcallError>();
  let present: Ticket | undefined;

  const exception = (zookeeperCode: number, reason: RollcallError): Error => {
    const made = library.Exception.create(
      CODES_IT_KNOWS.has(zookeeperCode) ? zookeeperCode : SYSTEM_ERROR,
    );
    reasons.set(made, reason);
    return made;
  };

  const answer = (
    request: LibraryRequest,
    reply: Reply,
    callback: (error: Error | null, response?: object) => void,
  ): void => {
    const op = request.header.type;
    const header = { err: reply.error };
    if (reply.error !== 0) {
      const reason = serverError(reply.error, operationName(op), request.payload.path);
      return callback(exception(reply.error, reason), new libraryJute.Response(header, null));
    }
    callback(null, new libraryJute.Response(header, readResponse(op, reply, wire.chroot)));
  };

  const queue: LibraryManager['queue'] = (request, callback) => {
    if (present === undefined)
      throw new RollcallError('INTERNAL', 'the client library sent a request of its own accord');
    const { payload } = request;
    const op = request.header.type;
    if (wire.chroot !== '') payload.setChrootPath(wire.chroot);
    const bracket =
      payload.watch === true && payload.path !== undefined
        ? wire.arming(payload.path, 'data')
        : undefined;
    if (bracket?.arm === false) payload.watch = false;
    const { frame, bodyAt } = emptyFrame(op, payload.byteLength());
    payload.serialize(frame, bodyAt);
    wire.submit({ op, frame }, present, (failure, reply) => {
      if (reply === undefined)
        callback(
          exception(CONNECTION_LOSS, failure ?? serverError(CONNECTION_LOSS, operationName(op))),
        );
      else guarded(() => answer(request, reply, callback), callback);
      const watched =
        reply !== undefined && (reply.error === 0 || (op === OP.exists && reply.error === NO_NODE));
      bracket?.ended(watched && bracket.arm);
    });
  };

  /** A body that does not parse fails its own request, not the connection. */
  const guarded = (work: () => void, callback: (error: Error | null) => void): void => {
    try {
      work();
    } catch (cause) {
      callback(
        exception(
          SYSTEM_ERROR,
          new RollcallError('MALFORMED_PACKET', "the server's answer does not parse", { cause }),
        ),
      );
    }
  };

  const ask = <T>(
    ticket: Ticket,
    start: (resolve: (value: T) => void, check: (error: Error | null) => boolean) => void,
  ): Promise<T> =>
    new Promise((resolve, reject) => {
      const check = (error: Error | null): boolean => {
        if (error !== null && error !== undefined) reject(reasons.get(error) ?? error);
        return error === null || error === undefined;
      };
      present = ticket;
      try {
        start(resolve, check);
      } finally {
        present = undefined;
      }
    });

  client.connectionManager = {
    connect: () => undefined,
    close: () => undefined,
    queue,
    addAuthInfo: () => undefined,
    getSessionId: () => longBytes(wire.session().sessionId),
    getSessionPassword: () => Buffer.from(wire.session().password),
    getSessionTimeout: () => wire.session().timeoutMs,
    registerDataWatcher: (_path, register) => register('data'),
    registerChildWatcher: (_path, register) => register('child'),
    registerExistenceWatcher: (_path, register) => register('exists'),
  };

  return {
    exists: (ticket, path, watcher) =>
      ask(ticket, (resolve, check) =>
        client.exists(
          path,
          watcher,
          (error, stat) => check(error) && resolve(stat === null ? undefined : statOf(stat)),
        ),
      ),
    getData: (ticket, path, watcher) =>
      ask(ticket, (resolve, check) =>
        client.getData(
          path,
          watcher,
          (error, data, stat) =>
            check(error) && resolve({ data: data ?? Buffer.alloc(0), stat: statOf(stat) }),
        ),
      ),
    setData: (ticket, path, data, version) =>
      ask(ticket, (resolve, check) =>
        client.setData(path, data, version, (error, stat) => check(error) && resolve(statOf(stat))),
      ),
    remove: (ticket, path, version) =>
      ask<void>(ticket, (resolve, check) =>
        client.remove(path, version, error => check(error) && resolve()),
      ),
    getAcl: (ticket, path) =>
      ask(ticket, (resolve, check) =>
        client.getACL(
          path,
          (error, acl, stat) =>
            check(error) && resolve({ acl: (acl ?? []).map(aclOf), stat: statOf(stat) }),
        ),
      ),
    setAcl: (ticket, path, acl, version) =>
      ask(ticket, (resolve, check) =>
        client.setACL(
          path,
          acl.map(libraryAcl),
          version,
          (error, stat) => check(error) && resolve(statOf(stat)),
        ),
      ),
  };
}

function readResponse(op: number, reply: Reply, chroot: string): LibraryRecord | null {
  const name = RESPONSES.get(op);
  const Response = name === undefined ? undefined : libraryJute.protocol[name];
  if (Response === undefined) return null;
  const response = new Response();
  if (chroot !== '') response.setChrootPath(chroot);
  response.deserialize(reply.body.rest(), 0);
  return response;
}

function statOf(stat: LibraryStat): Stat {
  return {
    czxid: stat.czxid.readBigInt64BE(),
    mzxid: stat.mzxid.readBigInt64BE(),
    ctimeMs: Number(stat.ctime.readBigInt64BE()),
    mtimeMs: Number(stat.mtime.readBigInt64BE()),
    version: stat.version,
    cversion: stat.cversion,
    aversion: stat.aversion,
    ephemeralOwner: stat.ephemeralOwner.readBigInt64BE(),
    dataLengthBytes: stat.dataLength,
    numChildren: stat.numChildren,
    pzxid: stat.pzxid.readBigInt64BE(),
  };
}

function aclOf(acl: LibraryAcl): Acl {
  return { permissions: acl.permission, scheme: acl.id.scheme, id: acl.id.id };
}

function libraryAcl(acl: Acl): LibraryAcl {
  return new library.ACL(acl.permissions, new library.Id(acl.scheme, acl.id));
}

function longBytes(value: bigint): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigInt64BE(value);
  return bytes;
}
