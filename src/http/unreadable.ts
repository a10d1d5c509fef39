import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { RollcallErrorCode } from '../kernel/errors.ts';
import { PROBLEM_TYPE } from './problem.ts';

interface Refused {
  readonly status: number;
  readonly title: string;
  readonly detail: string;
  readonly code: RollcallErrorCode;
}

const BAD_REQUEST = { status: 400, title: 'Bad request', code: 'INVALID_REQUEST' } as const;

/** What Node's HTTP parser refuses, before there is a request. */
const UNREADABLE: Readonly<Record<string, Refused>> = {
  HPE_HEADER_OVERFLOW: {
    status: 431,
    title: 'Request header fields too large',
    detail: 'the headers are larger than 16 KiB',
    code: 'LIMIT_REACHED',
  },
  HPE_INVALID_METHOD: {
    ...BAD_REQUEST,
    detail: 'this is not HTTP/1.1, or no method that HTTP knows',
  },
  ERR_HTTP_REQUEST_TIMEOUT: {
    status: 408,
    title: 'Request timeout',
    detail: 'the request did not arrive in time',
    code: 'INVALID_REQUEST',
  },
};

const NOT_HTTP: Refused = { ...BAD_REQUEST, detail: 'this is not HTTP/1.1' };

const NO_TUNNEL: Refused = {
  status: 405,
  title: 'Method not allowed',
  detail: 'CONNECT is not for this server: it is no proxy',
  code: 'METHOD_NOT_ALLOWED',
};

/** Of each connection, the answer to the request that came last. */
const newest = new WeakMap<Duplex, ServerResponse>();

/** Whether a request is still to be answered: what is written now would come before its answer, or in the middle of it. */
function isAwaited(socket: Duplex): boolean {
  const response = newest.get(socket);
  if (response === undefined || response.writableFinished) return false;
  // It has no socket while those before it are still being answered.
  return !response.writableEnded || response.socket === null;
}

/** The last answer on a connection, where there is no reply that could carry it. Nothing is said where it would be taken for another answer. */
function endWith(socket: Duplex, { status, title, detail, code }: Refused, more = ''): void {
  if (isAwaited(socket)) {
    socket.destroy();
    return;
  }
  const body = JSON.stringify({ type: `/docs#${code}`, title, status, detail, code });
  socket.end(
    `HTTP/1.1 ${status} ${title}\r\n${more}Content-Type: ${PROBLEM_TYPE}\r\nContent-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`,
  );
}

/** Answers a connection whose bytes are no HTTP request, and closes it. */
export function answerUnreadable(error: NodeJS.ErrnoException, socket: Socket): void {
  if (error.code === 'ECONNRESET' || !socket.writable) socket.destroy();
  else endWith(socket, UNREADABLE[error.code ?? ''] ?? NOT_HTTP);
}

/**
 * Remembers which answers are still to come, for `answerUnreadable`. And answers what Node keeps from the routes: an `Expect` that it does not know goes to them like any other request (they refuse it),
 * and CONNECT, which would otherwise be cut off without a word, is refused here.
 */
export function answerWhatNodeKeeps(server: Server): void {
  server.on('request', (request, response) => newest.set(request.socket, response));
  server.on('checkExpectation', (request, response) => server.emit('request', request, response));
  server.on('connect', (_request: IncomingMessage, socket: Duplex) => {
    socket.on('error', () => socket.destroy());
    endWith(socket, NO_TUNNEL, 'Allow: DELETE, GET, HEAD, PUT\r\n');
  });
}
