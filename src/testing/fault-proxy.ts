import { connect, createServer, type Server, type Socket } from 'node:net';
import { deferred } from '../kernel/abort.ts';
import { RollcallError } from '../kernel/errors.ts';
import { type Allowance, type Direction, direction } from './fault-direction.ts';
import { listen, listenOnFreePort } from './free-port.ts';

/** `up`: client → server. `down`: server → client. */
export type FaultDirection = 'up' | 'down' | 'both';

/** A TCP proxy in front of one server that can be made to fail in the ways that networks do. */
export interface FaultProxy extends AsyncDisposable {
  /** `127.0.0.1:port`, the same for the proxy's whole life. */
  readonly address: string;
  readonly port: number;
  /** Connections open at this moment. */
  readonly connections: number;
  /** Connections accepted so far. */
  readonly accepted: number;
  /** Bytes passed on so far. */
  readonly passed: { readonly upBytes: number; readonly downBytes: number };
  /** Destroys all connections and refuses new ones (ECONNREFUSED). Resolves when new ones are refused. */
  cut(): Promise<void>;
  /** Undoes `cut`, `pause` and `delay`; connections that were held live on, those that were cut do not come back. */
  heal(): Promise<void>;
  /** A black hole: connections stay open and new ones are accepted, but bytes in that direction are held back. */
  pause(which: FaultDirection): void;
  /** Lets the held bytes through, in order. */
  resume(which: FaultDirection): void;
  /** Delays what comes in from now on, in both directions; order is kept. 0 ends it. */
  delay(ms: number): void;
  /**
   * Lets exactly `bytes` more bytes through downstream, then ends that connection, in the middle of a frame if it falls so. Later
   * connections are whole again. Resolves when it has happened.
   */
  halfSend(bytes: number): Promise<void>;
  /** Destroys the present connections (a reset for both sides); new ones are accepted. */
  dropConnections(): void;
  /** Destroys everything. Idempotent. */
  close(): Promise<void>;
}

export interface FaultProxyOptions {
  /** `host:port` of the server; IPv6 as `[::1]:2181`. */
  readonly target: string;
}

const all: Allowance = wanted => ({ bytes: wanted, last: false });

interface Link {
  readonly up: Direction;
  readonly down: Direction;
  destroy(): void;
}

export async function faultProxy(options: FaultProxyOptions): Promise<FaultProxy> {
  const target = parseTarget(options.target);
  const links = new Set<Link>();
  const past = { upBytes: 0, downBytes: 0 };
  const held = { up: false, down: false };
  let delayMs = 0;
  let accepted = 0;
  let half: { left: number; readonly done: () => void } | undefined;
  let listening = true;

  const allowDown: Allowance = wanted => {
    if (half === undefined) return { bytes: wanted, last: false };
    const bytes = Math.min(wanted, half.left);
    half.left -= bytes;
    return { bytes, last: half.left === 0 };
  };

  const link = (client: Socket): void => {
    accepted += 1;
    const server = connect({ ...target, allowHalfOpen: true });
    for (const socket of [client, server]) socket.setNoDelay(true);
    const exhausted = (): void => {
      half?.done();
      half = undefined;
      server.destroy();
    };
    const up = direction(client, server, all, exhausted);
    const down = direction(server, client, allowDown, exhausted);
    const made: Link = {
      up,
      down,
      destroy() {
        client.resetAndDestroy();
        server.resetAndDestroy();
      },
    };
    for (const way of [up, down]) way.delayMs = delayMs;
    if (held.up) up.hold();
    if (held.down) down.hold();
    links.add(made);
    let open = 2;
    for (const socket of [client, server]) {
      socket.on('error', () => undefined); // 'close' follows
      socket.on('close', () => {
        open -= 1;
        if (open > 0) return;
        links.delete(made);
        past.upBytes += up.passedBytes;
        past.downBytes += down.passedBytes;
      });
    }
  };

  const listener: Server = createServer({ allowHalfOpen: true }, link);
  const port = await listenOnFreePort(listener);

  const dropConnections = (): void => {
    for (const each of [...links]) each.destroy();
  };
  const stopListening = async (): Promise<void> => {
    if (!listening) return;
    listening = false;
    const closed = new Promise(resolve => listener.close(resolve));
    dropConnections();
    await closed;
  };
  const each = (which: FaultDirection, change: (way: Direction) => void): void => {
    for (const { up, down } of links) {
      if (which !== 'down') change(up);
      if (which !== 'up') change(down);
    }
  };
  const mark = (which: FaultDirection, value: boolean): void => {
    if (which !== 'down') held.up = value;
    if (which !== 'up') held.down = value;
  };
  const resume = (which: FaultDirection): void => {
    mark(which, false);
    each(which, way => way.flow());
  };
  const delay = (ms: number): void => {
    delayMs = ms;
    each('both', way => {
      way.delayMs = ms;
    });
  };
  const total = (name: 'up' | 'down', before: number): number =>
    [...links].reduce((sum, made) => sum + made[name].passedBytes, before);

  return {
    address: `127.0.0.1:${port}`,
    port,
    get connections() {
      return links.size;
    },
    get accepted() {
      return accepted;
    },
    get passed() {
      return { upBytes: total('up', past.upBytes), downBytes: total('down', past.downBytes) };
    },
    cut: stopListening,
    async heal() {
      delay(0);
      resume('both');
      if (listening) return;
      await listen(listener, port);
      listening = true;
    },
    pause(which) {
      mark(which, true);
      each(which, way => way.hold());
    },
    resume,
    delay,
    halfSend(bytes) {
      const happened = deferred<void>();
      half = { left: bytes, done: happened.resolve };
      return happened.promise;
    },
    dropConnections,
    close: stopListening,
    [Symbol.asyncDispose]: stopListening,
  };
}

function parseTarget(target: string): { readonly host: string; readonly port: number } {
  const match = /^(?:\[([^\]]+)\]|([^:]+)):(\d+)$/.exec(target);
  const host = match?.[1] ?? match?.[2];
  if (match === null || host === undefined)
    throw new RollcallError(
      'INVALID_CONNECT_STRING',
      `a proxy's target is host:port, not ${target}`,
    );
  return { host, port: Number(match[3]) };
}
