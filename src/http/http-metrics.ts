import type { FastifyReply, FastifyRequest } from 'fastify';
import { Counter, Histogram, type Registry } from 'prom-client';
import type { Clock } from '../kernel/clock.ts';

/** Lookups take microseconds; what is slower than a second is broken. */
const BUCKETS_SECONDS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 2.5, 10];

/** nginx's word for a client that went away before it was answered. */
const CLIENT_WENT_AWAY = '499';

export interface HttpMetrics {
  /** One answer was made from the view. */
  lookup(): void;
  /** The request is held on its client's wish: that time is not the daemon's, and is not counted. */
  holding(reply: FastifyReply): { stop(): void };
  /** The request has been answered. */
  answered(request: FastifyRequest, reply: FastifyReply): void;
  /** The client went away while its request was held. */
  abandoned(request: FastifyRequest): void;
  /** A stream has begun; its length is not counted. */
  streaming(request: FastifyRequest): void;
}

export function httpMetrics(registry: Registry, clock: Clock): HttpMetrics {
  const seconds = new Histogram({
    name: 'rollcall_http_request_seconds',
    help: 'Time to answer a request, without the time that it was held on its own wish; of a stream, one observation of 0.',
    labelNames: ['route', 'method', 'status'] as const,
    buckets: BUCKETS_SECONDS,
    registers: [registry],
  });
  const lookups = new Counter({
    name: 'rollcall_http_lookups_total',
    help: 'Answers made from the view, those without a body (304) included.',
    registers: [registry],
  });
  const held = new WeakMap<FastifyReply, number>();
  const observe = (route: string, method: string, status: string, elapsedMs: number): void =>
    seconds.labels(route, method, status).observe(Math.max(0, elapsedMs) / 1_000);
  return {
    lookup: () => lookups.inc(),
    holding(reply) {
      const sinceMs = clock.nowMs();
      return { stop: () => void held.set(reply, clock.nowMs() - sinceMs) };
    },
    answered(request, reply) {
      const elapsedMs = reply.elapsedTime - (held.get(reply) ?? 0);
      observe(routeOf(request), methodOf(request), String(reply.statusCode), elapsedMs);
    },
    abandoned: request => observe(routeOf(request), methodOf(request), CLIENT_WENT_AWAY, 0),
    streaming: request => observe(routeOf(request), methodOf(request), '200', 0),
  };
}

/** The template, never what was asked for: a label must not grow with what clients send. */
function routeOf(request: FastifyRequest): string {
  return request.routeOptions.url ?? 'unmatched';
}

const KNOWN_METHODS = new Set(['GET', 'HEAD', 'PUT', 'DELETE', 'POST', 'PATCH', 'OPTIONS']);

function methodOf({ method }: FastifyRequest): string {
  return KNOWN_METHODS.has(method) ? method : 'other';
}
