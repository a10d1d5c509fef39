import { deferred } from '../kernel/abort.ts';
import type { Clock } from '../kernel/clock.ts';
import { errorText, RollcallError } from '../kernel/errors.ts';
import { listeners } from '../kernel/listeners.ts';
import type { Logger } from '../kernel/log.ts';
import type { Attached, DigestAuth, SessionMetrics, SessionState, TlsOptions } from './api.ts';
import type { AttachmentHooks, SessionMemory } from './attachment.ts';
import { type Calls, calls as makeCalls } from './calls.ts';
import { type Connection, openConnection } from './connection.ts';
import { type EphemeralBudget, ephemeralBudget } from './ephemeral-budget.ts';
import { NEW_SESSION } from './handshake.ts';
import { type Lifecycle, lifecycle as makeLifecycle } from './lifecycle.ts';
import { liveness } from './liveness.ts';
import { type Chroot, chroot as makeChroot } from './path.ts';
import { pipeline } from './pipeline.ts';
import { OP, operationName, requestFrame } from './protocol.ts';
import { type RearmRequest, rearmRequests } from './rearm.ts';
import { type ConnectTarget, rotation } from './server-list.ts';
import { type RearmPaths, type WatchHub, watchHub } from './watch-hub.ts';
import { forgetWatch } from './watches.ts';

/** How long a close may wait for the server to hear of it. */
const FAREWELL_MS = 2000;
/** Of the closing request, which nothing follows; ordinary ones never get so far. */
const CLOSING_XID = 0x7fff_ffff;

export interface CoreOptions {
  readonly target: ConnectTarget;
  readonly timeoutMs: number;
  readonly connectTimeoutMs: number;
  readonly maxPacketBytes: number;
  readonly auth: readonly DigestAuth[];
  readonly tls: TlsOptions | undefined;
  readonly clock: Clock;
  readonly random: () => number;
  readonly logger: Logger;
  readonly metrics: SessionMetrics | undefined;
}

/** The parts of a session, put together. */
export interface SessionCore {
  readonly lifecycle: Lifecycle;
  readonly calls: Calls;
  readonly chroot: Chroot;
  readonly hub: WatchHub;
  readonly budget: EphemeralBudget;
  readonly memory: Readonly<SessionMemory>;
  readonly timeoutMs: number;
  readonly server: string | undefined;
  /** Of the newest attachment. */
  readonly attachedId: bigint | undefined;
  readonly requestCounts: Readonly<Record<string, number>>;
  onAttached(listener: (attached: Attached) => void): () => void;
  onZxid(listener: (zxid: bigint) => void): () => void;
  close(): Promise<void>;
}

export function openCore(options: CoreOptions): SessionCore {
  const { clock, logger, metrics, maxPacketBytes } = options;
  const chroot = makeChroot(options.target.chroot);
  const alive = liveness(options.timeoutMs);
  const budget = ephemeralBudget(chroot.toServer);
  const counts: Record<string, number> = {};
  const report = (error: unknown): void =>
    logger.error({ error: errorText(error) }, 'a listener of the session failed');
  const attachedListeners = listeners<Attached>(report);
  const zxidListeners = listeners<bigint>(report);
  const memory = sessionMemory(zxidListeners.emit);
  const farewell = deferred<void>();
  let attachedId: bigint | undefined;
  let closing = false;

  const changed = (state: SessionState): void => {
    if (state.kind === 'lost')
      requests.failQueued(
        new RollcallError('SESSION_LOST', 'the ZooKeeper session is lost'),
        state.epoch,
      );
    if (state.kind === 'closed') requests.failQueued(closedError());
    else if (state.kind !== 'connected' && state.reason !== undefined)
      requests.failQueued(state.reason);
  };

  const attached = (): void => {
    if (closing) return;
    const { sessionId } = memory.credentials;
    const resumed = sessionId === attachedId;
    attachedId = sessionId;
    if (!resumed) budget.clear();
    lifecycle.apply({ kind: 'attached' });
    hub.attached();
    attachedListeners.emit({ epoch: lifecycle.epoch, resumed, sessionId });
  };

  const sayGoodbye = (): void => {
    const done = (): void => farewell.resolve();
    requests.first(
      {
        op: OP.closeSession,
        frame: requestFrame(OP.closeSession),
        untilEpoch: Number.POSITIVE_INFINITY,
        done,
      },
      CLOSING_XID,
    );
  };

  const hooks: AttachmentHooks = {
    look: () => lifecycle.look(),
    welcomed() {
      lifecycle.wind();
      if (closing) sayGoodbye();
    },
    rearm: relativeZxid => (closing ? [] : rearmAll(hub.rearmPaths(), chroot, relativeZxid)),
    attached,
    detached(error) {
      hub.detached();
      if (!closing) logger.warn({ error: errorText(error) }, 'the connection to ZooKeeper is gone');
      lifecycle.apply({ kind: 'detached', atMs: clock.nowMs() });
    },
    expired() {
      if (closing) farewell.resolve();
      lifecycle.apply({ kind: 'expired' });
    },
    event: event => hub.dispatch({ ...event, path: chroot.toClient(event.path) }),
    counted(op) {
      const name = operationName(op);
      counts[name] = (counts[name] ?? 0) + 1;
    },
    answeredBytes: bytes => metrics?.packet(bytes / maxPacketBytes),
  };

  const present = (): Connection['present'] => connection.present;
  const requests = pipeline({
    nowMs: clock.nowMs,
    send: (frame, op) => present()?.send(frame, op),
  });
  const lifecycle = makeLifecycle({ clock, alive, logger, metrics, watched: present, changed });
  const calls = makeCalls({ requests, maxPacketBytes, metrics, lifecycle });
  const hub = watchHub({
    forget: (path, removal) => forgetWatch(calls, chroot, path, removal),
    onError: report,
  });
  const connection = openConnection({
    ...options,
    servers: rotation(options.target.servers, options.random),
    askedTimeoutMs: options.timeoutMs,
    alive,
    requests,
    memory,
    hooks,
    isLost: () => lifecycle.state.kind === 'lost',
    refused(reason) {
      logger.error({ error: errorText(reason) }, 'ZooKeeper refuses our credentials');
      lifecycle.apply({ kind: 'refused', reason });
    },
  });

  return {
    lifecycle,
    calls,
    chroot,
    hub,
    budget,
    memory,
    get timeoutMs() {
      return alive.timeoutMs;
    },
    get server() {
      return connection.present?.isAttached === true ? connection.present.address : undefined;
    },
    get attachedId() {
      return attachedId;
    },
    requestCounts: counts,
    onAttached: attachedListeners.add,
    onZxid: zxidListeners.add,
    async close() {
      closing = true;
      lifecycle.apply({ kind: 'closed' });
      if (connection.present?.isWelcome === true) sayGoodbye();
      const bound = new AbortController();
      const late = clock
        .sleep(Math.min(FAREWELL_MS, alive.timeoutMs / 3), bound.signal)
        .catch(() => undefined);
      if (memory.credentials.sessionId !== 0n) await Promise.race([farewell.promise, late]);
      bound.abort();
      await connection.stop(closedError());
    },
  };
}

function sessionMemory(moved: (zxid: bigint) => void): SessionMemory {
  let lastZxid = 0n;
  return {
    credentials: NEW_SESSION,
    get lastZxid() {
      return lastZxid;
    },
    set lastZxid(zxid) {
      lastZxid = zxid;
      moved(zxid);
    },
  };
}

function closedError(): RollcallError {
  return new RollcallError('SESSION_CLOSED', 'the session was closed');
}

function rearmAll(
  paths: RearmPaths,
  chroot: Chroot,
  relativeZxid: bigint,
): readonly RearmRequest[] {
  const toServer = (list: readonly string[]): readonly string[] => list.map(chroot.toServer);
  return rearmRequests(
    {
      data: toServer(paths.data),
      exists: toServer(paths.exists),
      child: toServer(paths.child),
      persistent: toServer(paths.persistent),
      recursive: toServer(paths.recursive),
    },
    relativeZxid,
  );
}
