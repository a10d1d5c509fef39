import type { FastifyPluginAsync } from 'fastify';
import { z } from 'zod';
import { RollcallError } from '../../kernel/errors.ts';
import type { RouteContext } from '../context.ts';
import { mount, NoBody, NoParams } from '../operation.ts';
import { readinessOf } from '../readiness.ts';
import { HealthAnswer, ReadyAnswer } from '../schemas/answers.ts';

/** Probes are configured with what people like; whatever they send along is nothing to us. */
const AnyQuery = z.looseObject({});

export const healthRoutes: FastifyPluginAsync<RouteContext> = async (app, context) => {
  const { aggregator, lifecycle, version } = context;

  mount(app, context, {
    method: 'GET',
    path: '/healthz',
    id: 'isAlive',
    tag: 'Daemon',
    summary: 'Whether the process lives',
    access: 'open',
    params: NoParams,
    query: AnyQuery,
    body: NoBody,
    answers: { 200: { description: 'It does.', body: HealthAnswer } },
    example: 'curl http://127.0.0.1:7070/healthz',
    handle: (_input, _request, reply) =>
      reply
        .header('cache-control', 'no-store')
        .type('application/json')
        .send(JSON.stringify({ status: 'ok', version })),
  });

  mount(app, context, {
    method: 'GET',
    path: '/readyz',
    id: 'isReady',
    tag: 'Daemon',
    summary: 'Whether it should be asked',
    description:
      'Ready: had one complete view of ZooKeeper, and is not shutting down. A stale view is ready, and said. 503 names what is not.',
    access: 'open',
    params: NoParams,
    query: AnyQuery,
    body: NoBody,
    answers: { 200: { description: 'It is ready.', body: ReadyAnswer } },
    problems: ['VIEW_SYNCING', 'SHUTTING_DOWN'],
    example: 'curl http://127.0.0.1:7070/readyz',
    handle(_input, _request, reply) {
      const { state } = aggregator.view;
      const { ready, checks } = readinessOf(state, lifecycle.phase);
      reply.header('x-rollcall-view', state.kind);
      if (!ready || state.kind === 'syncing') {
        const code = lifecycle.phase === 'serving' ? 'VIEW_SYNCING' : 'SHUTTING_DOWN';
        const failing = checks.filter(check => !check.ready);
        const detail = failing.map(check => `${check.name}: ${check.detail}`).join('; ');
        throw new RollcallError(code, detail, { details: { problem: { ready, checks } } });
      }
      const staleSince =
        state.kind === 'stale' ? new Date(state.sinceWallMs).toISOString() : undefined;
      const body = { ready, view: state.kind, staleSince, checks };
      return reply
        .header('cache-control', 'no-store')
        .type('application/json')
        .send(JSON.stringify(body));
    },
  });
};
