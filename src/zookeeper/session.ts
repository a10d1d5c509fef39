import { createSecureContext } from 'node:tls';
import { abortable, deferred, type WaitOptions } from '../kernel/abort.ts';
import { systemClock } from '../kernel/clock.ts';
import { RollcallError } from '../kernel/errors.ts';
import { silentLogger } from '../kernel/log.ts';
import { systemRandom } from '../kernel/random.ts';
import type { Session, SessionOptions, SessionState, TlsOptions } from './api.ts';
import { clientLibrary, type LibraryWire } from './client-library.ts';
import { creates } from './creates.ts';
import { featureProbe } from './features.ts';
import { reads } from './reads.ts';
import { parseConnectString } from './server-list.ts';
import { openCore, type SessionCore } from './session-core.ts';
import { transaction } from './transaction.ts';
import { watches } from './watches.ts';
import { writes } from './writes.ts';

const DEFAULT_TIMEOUT_MS = 10_000;
const LEAST_CONNECT_TIMEOUT_MS = 1000;
const MOST_CONNECT_TIMEOUT_MS = 5000;
/** `jute.maxbuffer` of ZooKeeper, unless someone changed it on both sides. */
const DEFAULT_MAX_PACKET_BYTES = 0xf_ffff;

/**
 * Opens a session. It resolves at once, in state `connecting`; `session.connected()` waits for a server. Operations called
 * meanwhile wait their turn. The caller closes it.
 *
 * @throws RollcallError INVALID_CONNECT_STRING, INVALID_CONFIG (TLS material or a number that makes no sense), ABORTED.
 */
export async function openSession(options: SessionOptions): Promise<Session> {
  options.signal?.throwIfAborted();
  const target = parseConnectString(options.servers);
  const timeoutMs = positive('timeoutMs', options.timeoutMs ?? DEFAULT_TIMEOUT_MS);
  const maxPacketBytes = positive(
    'maxPacketBytes',
    options.maxPacketBytes ?? DEFAULT_MAX_PACKET_BYTES,
  );
  const connectTimeoutMs = options.connectTimeoutMs ?? patienceMs(timeoutMs, target.servers.length);
  if (options.tls !== undefined) checkTls(options.tls);
  const core = openCore({
    target,
    timeoutMs,
    maxPacketBytes,
    connectTimeoutMs: positive('connectTimeoutMs', connectTimeoutMs),
    auth: options.auth ?? [],
    tls: options.tls,
    clock: options.clock ?? systemClock,
    random: options.random ?? systemRandom,
    logger: options.logger ?? silentLogger,
    metrics: options.metrics,
  });
  return sessionHandle(core, maxPacketBytes);
}

function sessionHandle(core: SessionCore, maxPacketBytes: number): Session {
  const { lifecycle, calls, chroot, hub, budget, memory } = core;
  const library = clientLibrary(libraryWire(core));
  const context = { calls, library, chroot, hub, budget, sessionId: () => core.attachedId ?? 0n };
  const probe = featureProbe(calls, chroot, () => core.server);
  let closing: Promise<void> | undefined;
  const close = (): Promise<void> => (closing ??= core.close());

  return {
    ...reads(context),
    ...writes(context),
    ...creates(context),
    ...watches(context),
    get state() {
      return lifecycle.state;
    },
    get epoch() {
      return lifecycle.epoch;
    },
    get signal() {
      return lifecycle.signal;
    },
    get sessionId() {
      return core.attachedId;
    },
    get timeoutMs() {
      return core.timeoutMs;
    },
    get lastZxid() {
      return memory.lastZxid;
    },
    get server() {
      return core.server;
    },
    maxPacketBytes,
    requestCounts: core.requestCounts,
    trusted: lifecycle.trusted,
    connected: options => untilConnected(core, options),
    onState: lifecycle.onState,
    onAttached: core.onAttached,
    onZxid: core.onZxid,
    transaction: () => transaction(context),
    async features(options) {
      await untilConnected(core, options);
      return probe({ repeat: 'read', signal: options?.signal });
    },
    close,
    [Symbol.asyncDispose]: close,
  };
}

function libraryWire(core: SessionCore): LibraryWire {
  const { calls, chroot, hub, memory } = core;
  return {
    chroot: chroot.prefix,
    submit: calls.submit,
    session: () => ({ ...memory.credentials, timeoutMs: core.timeoutMs }),
    arming(path, table) {
      const arm = !hub.covers(path);
      hub.armBegun(path, table);
      return { arm, ended: armed => hub.armEnded(path, table, armed) };
    },
  };
}

async function untilConnected(
  { lifecycle }: SessionCore,
  options: WaitOptions | undefined,
): Promise<void> {
  const reached = deferred<void>();
  const judge = (state: SessionState): void => {
    if (state.kind === 'connected') reached.resolve();
    else if (state.kind === 'closed')
      reached.reject(new RollcallError('SESSION_CLOSED', 'the session was closed'));
    else if (state.reason !== undefined) reached.reject(state.reason);
  };
  const unhear = lifecycle.onState(judge);
  try {
    judge(lifecycle.state);
    await abortable(reached.promise, options?.signal);
  } finally {
    unhear();
  }
}

function positive(name: string, value: number): number {
  if (Number.isFinite(value) && value > 0) return value;
  throw new RollcallError('INVALID_CONFIG', `${name} must be a number above 0, not ${value}`, {
    details: { field: name },
  });
}

function checkTls({ ca, cert, key }: TlsOptions): void {
  try {
    createSecureContext({
      ...(ca === undefined ? {} : { ca }),
      ...(cert === undefined ? {} : { cert }),
      ...(key === undefined ? {} : { key }),
    });
  } catch (cause) {
    throw new RollcallError('INVALID_CONFIG', 'the TLS certificates or key do not parse', {
      cause,
    });
  }
}

/**
 * How long one server may take to let us in. A server that is starting accepts connections and leaves some of them without an
 * answer for ever: there must be time for another try, with every server, well before the session is lost.
 */
function patienceMs(timeoutMs: number, servers: number): number {
  const share = Math.min(MOST_CONNECT_TIMEOUT_MS, timeoutMs / (3 * servers));
  return Math.max(Math.min(LEAST_CONNECT_TIMEOUT_MS, timeoutMs / 2), share);
}
