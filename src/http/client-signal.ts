import type { FastifyReply } from 'fastify';
import { abortedError } from '../kernel/abort.ts';

/**
 * Aborts when the client goes away before it is answered.
 *
 * The response tells, not the request: Node closes a request as soon as its body has been read.
 */
export function clientSignal(reply: FastifyReply): AbortSignal {
  const gone = new AbortController();
  const look = (): void => {
    if (!reply.raw.writableFinished) gone.abort(abortedError('the request'));
  };
  if (reply.raw.destroyed) look();
  else reply.raw.once('close', look);
  return gone.signal;
}
