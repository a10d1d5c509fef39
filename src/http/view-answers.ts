import type { FastifyReply, FastifyRequest } from 'fastify';
import type { View, ViewState } from '../aggregator/ports.ts';
import { isAbort, RollcallError } from '../kernel/errors.ts';
import { clientSignal } from './client-signal.ts';
import { type Encoded, encoded } from './encoded.ts';
import { matchesEtag } from './etag.ts';
import type { HttpMetrics } from './http-metrics.ts';
import type { PollAnswer, Polls } from './polls.ts';
import { toJson } from './wire.ts';

/** `?index=` and `?wait=`, read. */
export interface PollQuery {
  readonly index?: bigint | undefined;
  readonly wait?: number | undefined;
}

/** Something in the view that can be asked for, and waited for. */
export interface ViewSource {
  readonly read: () => Encoded;
  /** Makes ready, in parts, what would take `read` long; undefined: there is nothing. */
  readonly prepare?: () => Promise<void> | undefined;
  /** Calls `wake` when what `read` answers may be another one; the returned function ends that. */
  readonly subscribe: (wake: () => void) => () => void;
  /** Throws when there is nothing to be answered; asked once the wait is over. */
  readonly require?: (reply: FastifyReply) => void;
}

/** Well below what proxies in between are willing to wait for. */
export const DEFAULT_WAIT_MS = 30_000;

export interface ViewAnswers {
  /**
   * Answers from the view with its index, its state and an ETag; 304 when the client has the body already; held first when it
   * asks for that.
   *
   * @throws RollcallError VIEW_SYNCING before the first complete view, LIMIT_REACHED when too many requests are held.
   */
  send(
    request: FastifyRequest,
    reply: FastifyReply,
    source: ViewSource,
    poll: PollQuery,
  ): FastifyReply | Promise<FastifyReply>;
  /**
   * The same for what is made anew for each request and is not waited for; its index is the view's watermark, unless one is given.
   * The watermark moves with every write anywhere: in the body it would make the ETag another one though nothing else is.
   */
  sendFresh(
    request: FastifyRequest,
    reply: FastifyReply,
    make: () => { readonly json: string; readonly index?: bigint },
    prepare?: () => Promise<void> | undefined,
  ): FastifyReply | Promise<FastifyReply>;
}

/** The word of `X-Rollcall-View`. */
export function requireComplete(view: View): ViewState {
  const { state } = view;
  if (state.kind === 'syncing') {
    throw new RollcallError(
      'VIEW_SYNCING',
      'this replica has not had one complete view of ZooKeeper yet: ask again soon, or another replica',
    );
  }
  return state;
}

/** @throws RollcallError VIEW_SYNCING when nothing is known of the service: an empty list would be taken for the truth. */
export function requireReadable(view: View, service?: string): void {
  refuseUnread(service ?? 'any service', view.unreadable(service));
}

/** The same of those who depend on it. */
export function requireConsumers(view: View, service?: string): void {
  refuseUnread(`who depends on ${service ?? 'whom'}`, view.unreadableConsumers(service));
}

function refuseUnread(what: string, why: string | undefined): void {
  if (why === undefined) return;
  throw new RollcallError(
    'VIEW_SYNCING',
    `nothing is known of ${what}: ${why}; give the daemon the right to read it, or ask another replica`,
  );
}

export function createViewAnswers(view: View, polls: Polls, metrics: HttpMetrics): ViewAnswers {
  const finish = (
    reply: FastifyReply,
    answer: Encoded,
    ifNoneMatch: string | undefined,
  ): FastifyReply => {
    metrics.lookup();
    reply.headers(answer.headers).header('x-rollcall-view', view.state.kind);
    if (ifNoneMatch !== undefined && matchesEtag(ifNoneMatch, answer.etag)) {
      return reply.code(304).removeHeader('content-type').send();
    }
    return reply.send(answer.body);
  };

  const held = (
    request: FastifyRequest,
    reply: FastifyReply,
    source: ViewSource,
    requested: bigint,
    waitMs: number,
  ): FastifyReply | Promise<FastifyReply> => {
    const ifNoneMatch = request.headers['if-none-match'];
    const answer = ({ answer: body, reset }: PollAnswer): FastifyReply => {
      if (reset) reply.header('x-rollcall-reset', 'true');
      source.require?.(reply);
      return finish(reply, body, ifNoneMatch);
    };
    const stopwatch = metrics.holding(reply);
    const polled = polls.wait({
      requested,
      waitMs,
      read: source.read,
      matches: ifNoneMatch === undefined ? undefined : etag => matchesEtag(ifNoneMatch, etag),
      subscribe: source.subscribe,
      signal: clientSignal(reply),
    });
    if (!(polled instanceof Promise)) return answer(polled);
    return polled.then(
      found => {
        stopwatch.stop();
        return answer(found);
      },
      (error: unknown) => {
        // When the client went away, nobody is there to be answered.
        unlessAborted(error);
        metrics.abandoned(request);
        return reply.hijack();
      },
    );
  };

  return {
    send(request, reply, source, { index, wait }) {
      requireComplete(view);
      return afterwards(source.prepare?.(), () => {
        if (index !== undefined)
          return held(request, reply, source, index, wait ?? DEFAULT_WAIT_MS);
        source.require?.(reply);
        return finish(reply, source.read(), request.headers['if-none-match']);
      });
    },
    sendFresh(request, reply, make, prepare) {
      requireComplete(view);
      return afterwards(prepare?.(), () => {
        const { json, index = view.watermark } = make();
        return finish(reply, encoded(index, json), request.headers['if-none-match']);
      });
    },
  };
}

/** At once where there is nothing to wait for: a promise for each request would be felt. */
function afterwards(
  ready: Promise<void> | undefined,
  answer: () => FastifyReply | Promise<FastifyReply>,
): FastifyReply | Promise<FastifyReply> {
  return ready === undefined ? answer() : ready.then(answer);
}

function unlessAborted(error: unknown): void {
  if (!isAbort(error)) throw error;
}

/** A body that is JSON of plain values and 64-bit numbers. */
export function encodedValue(index: bigint, value: unknown): Encoded {
  return encoded(index, toJson(value));
}
