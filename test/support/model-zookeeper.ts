import { deferred, type Deferred } from '../../src/kernel/abort.ts';
import { RollcallError } from '../../src/kernel/errors.ts';
import { listeners } from '../../src/kernel/listeners.ts';
import type {
  Attached,
  ReadRequest,
  ReadResult,
  Session,
  SessionState,
  Stat,
  WatchEvent,
  WatchListener,
} from '../../src/zookeeper/index.ts';
import { childOf } from '../../src/zookeeper/mirror-paths.ts';
import { siblingAnswer } from './sibling-answers.ts';

/** One change of the tree. `data` undefined: the node was deleted. */
export interface Write {
  readonly zxid: bigint;
  readonly path: string;
  readonly data: string | undefined;
}

/** The one history that every server applies, each in its own time. */
export interface ModelZooKeeper {
  readonly writes: readonly Write[];
  readonly zxid: bigint;
  has(path: string): boolean;
  /** Creates the node, and its missing ancestors before it, or sets its data. */
  put(path: string, data: string): void;
  /** What is below it goes before it, change by change. */
  remove(path: string): void;
  children(path: string): readonly string[];
}

const parentOf = (path: string): string => path.slice(0, path.lastIndexOf('/'));
const nodeOf = (
  read: Read | undefined,
): { readonly data: Buffer; readonly stat: Stat } | undefined =>
  read?.kind === 'node' ? { data: Buffer.from(read.node.data), stat: read.node.stat } : undefined;
const alone = (request: ReadRequest): readonly ReadRequest[] =>
  request.kind === 'siblings'
    ? request.names.map(name => ({ kind: 'data', path: childOf(request.path, name) }))
    : [request];
const nameOf = (path: string): string => path.slice(path.lastIndexOf('/') + 1);

export function modelZooKeeper(): ModelZooKeeper {
  const writes: Write[] = [];
  const there = new Set<string>();
  let zxid = 0n;
  const write = (path: string, data: string | undefined): void => {
    zxid += 1n;
    if (data === undefined) there.delete(path);
    else there.add(path);
    writes.push({ zxid, path, data });
  };
  const children = (path: string): readonly string[] =>
    [...there].filter(each => parentOf(each) === path);
  const model: ModelZooKeeper = {
    writes,
    get zxid() {
      return zxid;
    },
    has: path => there.has(path),
    children,
    put(path, data) {
      const parent = parentOf(path);
      if (parent !== '' && !there.has(parent)) model.put(parent, '');
      write(path, data);
    },
    remove(path) {
      for (const child of children(path)) model.remove(child);
      if (there.has(path)) write(path, undefined);
    },
  };
  return model;
}

interface ServedNode {
  stat: Stat;
  data: string;
}

type Request =
  | {
      readonly kind: 'read';
      readonly requests: readonly ReadRequest[];
      readonly answer: Deferred<Answer>;
    }
  | { readonly kind: 'ping' };

type Answer = readonly Read[];
type Read =
  | {
      readonly kind: 'node';
      readonly path: string;
      readonly node: ServedNode;
      readonly names: readonly string[];
    }
  | { readonly kind: 'missing'; readonly path: string };

type Message =
  | { readonly kind: 'event'; readonly event: WatchEvent }
  | { readonly kind: 'answer'; readonly header: bigint; readonly settle: (() => void) | undefined };

/** A session with a server of its own, moved on step by step: nothing happens by itself. */
export interface ModelSession {
  readonly session: Session;
  /** The server applies the next change of the history; an event goes out when the connection stands. Returns whether there was one. */
  apply(): boolean;
  /** The server answers the oldest request. */
  serve(): boolean;
  /** The client takes the oldest message. */
  receive(): boolean;
  ping(): void;
  /** The connection goes, with all that was under way. */
  drop(): void;
  /** A new connection; the watches are armed again, what was missed is not told. */
  attach(): void;
  readonly isAttached: boolean;
}

const NO_STAT: Stat = {
  czxid: 0n,
  mzxid: 0n,
  ctimeMs: 0,
  mtimeMs: 0,
  version: 0,
  cversion: 0,
  aversion: 0,
  ephemeralOwner: 0n,
  dataLengthBytes: 0,
  numChildren: 0,
  pzxid: 0n,
};

/** @param appliedAtStart how much of the history its server has applied. */
export function modelSession(
  zookeeper: ModelZooKeeper,
  options: { readonly applied?: number; readonly eventsCarryZxids: boolean },
): ModelSession {
  const tree = new Map<string, ServedNode>();
  let applied = 0;
  let lastZxid = 0n;
  let attachedAs = 0;
  let state: SessionState = { kind: 'connecting' };
  let toServer: Request[] = [];
  let toClient: Message[] = [];
  const watches = new Map<string, WatchListener>();
  const fail = (error: unknown): void => {
    throw error;
  };
  const attachments = listeners<Attached>(fail);
  const states = listeners<SessionState>(fail);
  const zxids = listeners<bigint>(fail);

  const become = (next: SessionState): void => {
    state = next;
    states.emit(next);
  };

  const childMoved = (path: string, zxid: bigint, by: 1 | -1): void => {
    const parent = tree.get(parentOf(path));
    if (parent === undefined) return;
    const { cversion, numChildren } = parent.stat;
    parent.stat = {
      ...parent.stat,
      pzxid: zxid,
      cversion: cversion + 1,
      numChildren: numChildren + by,
    };
  };

  const applyWrite = ({ zxid, path, data }: Write): WatchEvent['type'] => {
    const known = tree.get(path);
    if (data === undefined) {
      tree.delete(path);
      childMoved(path, zxid, -1);
      return 'deleted';
    }
    if (known !== undefined) {
      known.data = data;
      known.stat = { ...known.stat, mzxid: zxid, version: known.stat.version + 1 };
      return 'data-changed';
    }
    tree.set(path, { data, stat: { ...NO_STAT, czxid: zxid, mzxid: zxid, pzxid: zxid } });
    childMoved(path, zxid, 1);
    return 'created';
  };

  const appliedZxid = (): bigint => zookeeper.writes[applied - 1]?.zxid ?? 0n;

  const readNow = (path: string): Read => {
    const node = tree.get(path);
    if (node === undefined) return { kind: 'missing', path };
    const names = [...tree.keys()].filter(each => parentOf(each) === path).map(nameOf);
    return { kind: 'node', path, node: { ...node }, names };
  };

  const ask = async (
    requests: readonly ReadRequest[],
    signal: AbortSignal | undefined,
  ): Promise<Answer> => {
    signal?.throwIfAborted();
    const answer = deferred<Answer>();
    const abort = (): void => answer.reject(signal?.reason);
    signal?.addEventListener('abort', abort, { once: true });
    if (state.kind === 'connected') toServer.push({ kind: 'read', requests, answer });
    return answer.promise;
  };

  const one = async (
    kind: 'data' | 'children',
    path: string,
    signal: AbortSignal | undefined,
  ): Promise<Extract<Read, { readonly kind: 'node' }>> => {
    const [read] = await ask([{ kind, path }], signal);
    if (read?.kind !== 'node') throw new RollcallError('NO_NODE', path);
    return read;
  };

  const resultOf = (request: ReadRequest, read: Read | undefined): ReadResult => {
    const { path } = request;
    if (read?.kind !== 'node')
      return { kind: 'error', path, error: new RollcallError('NO_NODE', path) };
    if (request.kind === 'children') return { kind: 'children', path, children: read.names };
    return { kind: 'data', path, data: Buffer.from(read.node.data), stat: read.node.stat };
  };

  const used: Partial<Session> = {
    get state() {
      return state;
    },
    get lastZxid() {
      return lastZxid;
    },
    maxPacketBytes: 1 << 20,
    onState: states.add,
    onAttached: attachments.add,
    onZxid: zxids.add,
    features: () => Promise.resolve({ multiRead: true, persistentWatches: true, containers: true }),
    addWatch(path, _mode, onEvent) {
      watches.set(path, onEvent);
      const close = (): Promise<void> => Promise.resolve(void watches.delete(path));
      return Promise.resolve({ path, close, [Symbol.asyncDispose]: close });
    },
    async multiRead(requests, { signal } = {}) {
      const reads = (await ask(requests.flatMap(alone), signal)).values();
      const next = (): Read | undefined => reads.next().value;
      return requests.map(request =>
        request.kind === 'siblings'
          ? siblingAnswer(request.path, new Map(request.names.map(name => [name, nodeOf(next())])))
          : resultOf(request, next()),
      );
    },
    async getData(path, { signal } = {}) {
      const { node } = await one('data', path, signal);
      return { data: Buffer.from(node.data), stat: node.stat };
    },
    async getChildren(path, { signal } = {}) {
      const { node, names } = await one('children', path, signal);
      return { children: names, stat: node.stat };
    },
    async exists(path, { signal } = {}) {
      const [read] = await ask([{ kind: 'data', path }], signal);
      return read?.kind === 'node' ? read.node.stat : undefined;
    },
  };

  const model: ModelSession = {
    // Whatever the mirror does not use is not there.
    session: used as Session,
    get isAttached() {
      return state.kind === 'connected';
    },
    apply() {
      const write = zookeeper.writes[applied];
      if (write === undefined) return false;
      applied += 1;
      const type = applyWrite(write);
      const zxid = options.eventsCarryZxids ? write.zxid : undefined;
      const isWatched = [...watches.keys()].some(
        root => write.path === root || write.path.startsWith(`${root}/`),
      );
      if (state.kind === 'connected' && isWatched) {
        toClient.push({ kind: 'event', event: { type, path: write.path, zxid } });
      }
      return true;
    },
    serve() {
      const request = toServer.shift();
      if (request === undefined) return false;
      const header = appliedZxid();
      if (request.kind === 'ping') toClient.push({ kind: 'answer', header, settle: undefined });
      else {
        const answer = request.requests.map(({ path }) => readNow(path));
        toClient.push({ kind: 'answer', header, settle: () => request.answer.resolve(answer) });
      }
      return true;
    },
    receive() {
      const message = toClient.shift();
      if (message === undefined) return false;
      if (message.kind === 'event') {
        for (const [root, listener] of watches) {
          const { path } = message.event;
          if (path === root || path.startsWith(`${root}/`)) listener(message.event);
        }
        return true;
      }
      if (message.header > lastZxid) lastZxid = message.header;
      message.settle?.();
      zxids.emit(message.header);
      return true;
    },
    ping() {
      if (state.kind === 'connected') toServer.push({ kind: 'ping' });
    },
    drop() {
      if (state.kind !== 'connected') return;
      toServer = [];
      toClient = [];
      become({ kind: 'suspended', epoch: attachedAs, sinceMs: 0 });
    },
    attach() {
      if (state.kind === 'connected') return;
      attachedAs += 1;
      become({ kind: 'connected', epoch: attachedAs });
      attachments.emit({ epoch: attachedAs, resumed: attachedAs > 1, sessionId: 1n });
    },
  };
  for (let at = 0; at < (options.applied ?? 0); at += 1) model.apply();
  return model;
}
