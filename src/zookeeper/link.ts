import { connect as connectTcp, type Socket } from 'node:net';
import { connect as connectTls, type ConnectionOptions as TlsConnectOptions } from 'node:tls';
import type { Clock } from '../kernel/clock.ts';
import type { RollcallError } from '../kernel/errors.ts';
import { isRollcallError } from '../kernel/errors.ts';
import { nextTurn } from '../kernel/turn.ts';
import type { TlsOptions } from './api.ts';
import { frameSplitter } from '../kernel/framing.ts';
import { addressText, type ServerAddress } from './server-list.ts';
import { connectionLoss } from './server-errors.ts';

/** Frames handled in one turn of the event loop, and for how long, before other work gets its turn. */
const SLICE_FRAMES = 512;
const SLICE_MS = 10;
const CLOCK_EVERY_FRAMES = 16;

export interface LinkHandlers {
  /** The connection (and TLS) stands. */
  opened(): void;
  /** A whole frame, in the order received. Its memory is the socket's: copy what is kept. */
  frame(frame: Buffer): void;
  /** Once, when the link has ended for whatever reason; nothing is called after it. */
  gone(error: RollcallError): void;
}

/** One connection to one server. It does not reconnect. */
export interface Link {
  readonly address: string;
  write(frame: Buffer): void;
  /** Ends the link now; calls `gone` before it returns unless that was called already. */
  destroy(error: RollcallError): void;
}

export interface LinkOptions {
  readonly server: ServerAddress;
  readonly tls: TlsOptions | undefined;
  readonly clock: Clock;
}

export function openLink(options: LinkOptions, handlers: LinkHandlers): Link {
  const address = addressText(options.server);
  const socket = dial(options);
  const splitter = frameSplitter();
  let ended = false;
  let hasWritten = false;

  const end = (error: RollcallError): void => {
    if (ended) return;
    ended = true;
    socket.destroy();
    handlers.gone(error);
  };

  const drain = (): void => {
    const beganMs = options.clock.nowMs();
    try {
      for (let count = 1; !ended; count += 1) {
        const frame = splitter.next();
        if (frame === undefined) {
          if (socket.isPaused()) socket.resume();
          return;
        }
        handlers.frame(frame);
        if (
          count < SLICE_FRAMES &&
          (count % CLOCK_EVERY_FRAMES !== 0 || options.clock.nowMs() - beganMs < SLICE_MS)
        )
          continue;
        socket.pause();
        nextTurn(drain);
        return;
      }
    } catch (error) {
      end(
        isRollcallError(error)
          ? error
          : connectionLoss(`${address}: a packet could not be handled`, error),
      );
    }
  };

  const endTurn = (): void => {
    hasWritten = false;
    socket.uncork();
  };

  socket.on(options.tls === undefined ? 'connect' : 'secureConnect', () => {
    if (!ended) handlers.opened();
  });
  socket.on('data', (chunk: Buffer) => {
    splitter.push(chunk);
    if (!socket.isPaused()) drain();
  });
  socket.on('error', cause => end(connectionLoss(`the connection to ${address} failed`, cause)));
  socket.on('close', () => end(connectionLoss(`${address} closed the connection`)));

  return {
    address,
    write(frame) {
      if (ended) return;
      socket.write(frame);
      if (hasWritten) return;
      // The first is on its way while the rest of the turn goes on; what follows in this turn goes out together at its end.
      hasWritten = true;
      socket.cork();
      process.nextTick(endTurn);
    },
    destroy: end,
  };
}

function dial({ server, tls }: LinkOptions): Socket {
  if (tls === undefined) return connectTcp({ host: server.host, port: server.port, noDelay: true });
  const options: TlsConnectOptions = {
    host: server.host,
    port: server.port,
    ...(tls.ca === undefined ? {} : { ca: tls.ca }),
    ...(tls.cert === undefined ? {} : { cert: tls.cert }),
    ...(tls.key === undefined ? {} : { key: tls.key }),
    ...(tls.servername === undefined ? {} : { servername: tls.servername }),
    rejectUnauthorized: tls.rejectUnauthorized ?? true,
  };
  return connectTls(options).setNoDelay(true);
}
