import type { IncomingMessage } from 'node:http';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import {
  errorText,
  isAbort,
  isRollcallError,
  RollcallError,
  type RollcallErrorCode,
} from '../kernel/errors.ts';
import type { Logger } from '../kernel/log.ts';
import type { Catalog } from './operation.ts';
import { MEANINGS, PROBLEM_TYPE, type Problem, problemOf } from './problem.ts';
import { pathOfTarget } from './request-form.ts';

/** What fastify itself refuses, in our words. */
const FRAMEWORK: Readonly<Record<string, readonly [RollcallErrorCode, string]>> = {
  FST_ERR_CTP_BODY_TOO_LARGE: ['BODY_TOO_LARGE', 'the body is larger than 1 MiB'],
  FST_ERR_CTP_INVALID_MEDIA_TYPE: ['UNSUPPORTED_MEDIA_TYPE', 'send application/json'],
  FST_ERR_CTP_INVALID_JSON_BODY: ['INVALID_REQUEST', 'body: it is not JSON'],
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: ['INVALID_REQUEST', 'body: its length is not Content-Length'],
  FST_ERR_BAD_URL: ['INVALID_REQUEST', 'the target is no path, or not well percent-encoded'],
};

function readFrameworkError(error: unknown): unknown {
  if (isRollcallError(error) || !(error instanceof Error)) return error;
  const code = 'code' in error ? String(error.code) : '';
  const status = 'statusCode' in error ? error.statusCode : undefined;
  const known = FRAMEWORK[code];
  if (known !== undefined) return new RollcallError(...known, { cause: error });
  if (code === 'FST_ERR_MAX_PARAM_LENGTH') {
    const details = { status: 414 };
    return new RollcallError('INVALID_REQUEST', 'a part of the path is too long', { details });
  }
  if (typeof status === 'number' && status >= 400 && status < 500) {
    return new RollcallError('INVALID_REQUEST', error.message, { details: { status } });
  }
  return error;
}

function sendProblem(reply: FastifyReply, problem: Problem): FastifyReply {
  const { retryAfterSeconds } = MEANINGS[problem.code];
  if (retryAfterSeconds !== undefined) reply.header('retry-after', String(retryAfterSeconds));
  if (problem.code === 'VIEW_SYNCING') reply.header('x-rollcall-view', 'syncing');
  return reply
    .code(problem.status)
    .header('cache-control', 'no-store')
    .type(PROBLEM_TYPE)
    .send(JSON.stringify(problem));
}

export interface ErrorHandling {
  /** Answers any error with its problem; what is our own fault is logged. */
  answer(error: unknown, request: FastifyRequest, reply: FastifyReply): FastifyReply;
  /** No route: 404; a route, but not for this method: 405, with `Allow`. */
  notFound(request: FastifyRequest, reply: FastifyReply): FastifyReply;
}

export function errorHandling(logger: Logger, catalog: Catalog): ErrorHandling {
  const answer: ErrorHandling['answer'] = (caught, request, reply) => {
    const error = readFrameworkError(caught);
    const problem = problemOf(error, pathOf(request));
    if (problem.status === 500 && !isAbort(error)) {
      const { method, routeOptions } = request;
      logger.error({ error: errorText(error), method, route: routeOptions.url }, 'request failed');
    }
    return sendProblem(reply, problem);
  };
  return {
    answer,
    notFound(request, reply) {
      const path = pathOf(request);
      const allowed = catalog.methodsAt(path);
      if (allowed.length === 0) {
        const error = new RollcallError('NOT_FOUND', 'there is no such route: /docs lists them');
        return answer(error, request, reply);
      }
      const text = `${request.method} is not for this route; ${allowed.join(', ')}`;
      reply.header('allow', allowed.join(', '));
      return answer(new RollcallError('METHOD_NOT_ALLOWED', text), request, reply);
    },
  };
}

export function installErrorHandling(
  app: FastifyInstance,
  { answer, notFound }: ErrorHandling,
): void {
  app.setErrorHandler((error, request, reply) => answer(error, request, reply));
  app.setNotFoundHandler((request, reply) => notFound(request, reply));
}

function pathOf({ raw }: { readonly raw: IncomingMessage }): string {
  return pathOfTarget(raw.url ?? '/');
}
