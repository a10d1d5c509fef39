import type { ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import type { FastifyReply } from 'fastify';
import { abortedError } from '../kernel/abort.ts';

/** Who waits for the end of a connection. One listener each on the socket would be too many: requests may be sent ahead by the thousand. */
const waiting = new WeakMap<Duplex, Set<() => void>>();

function onSocketClosed(socket: Duplex, listener: () => void): () => void {
  let listeners = waiting.get(socket);
  if (listeners === undefined) {
    const all = new Set<() => void>();
    waiting.set(socket, (listeners = all));
    socket.once('close', () => all.forEach(one => one()));
  }
  listeners.add(listener);
  return () => listeners.delete(listener);
}

/**
 * Calls `listener` once: when the response has been sent, or its client went away.
 *
 * A response that waits behind another one of its connection is not told by Node that the connection has ended: the socket tells.
 */
export function onClosed(response: ServerResponse, listener: () => void): void {
  const { socket } = response.req;
  if (response.destroyed || socket.destroyed) {
    listener();
    return;
  }
  let isOver = false;
  const over = (): void => {
    if (isOver) return;
    isOver = true;
    forget();
    listener();
  };
  const forget = onSocketClosed(socket, over);
  response.once('close', over);
}

/**
 * Aborts when the client goes away before it is answered.
 *
 * The response tells, not the request: Node closes a request as soon as its body has been read.
 */
export function clientSignal(reply: FastifyReply): AbortSignal {
  const gone = new AbortController();
  onClosed(reply.raw, () => {
    if (!reply.raw.writableFinished) gone.abort(abortedError('the request'));
  });
  return gone.signal;
}
