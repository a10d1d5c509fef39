import type { FastifyPluginAsync } from 'fastify';
import type { RouteContext } from '../context.ts';
import { mount, NoBody, NoParams } from '../operation.ts';
import { z } from 'zod';

export const metricsRoutes: FastifyPluginAsync<RouteContext> = async (app, context) => {
  const { metrics } = context;

  mount(app, context, {
    method: 'GET',
    path: '/metrics',
    id: 'getMetrics',
    tag: 'Daemon',
    summary: 'The daemon’s own state, for Prometheus',
    access: 'read',
    params: NoParams,
    // Prometheus can be told to send parameters along; they are nothing to us.
    query: z.looseObject({}),
    body: NoBody,
    answers: { 200: { description: 'The text exposition.', body: 'text/plain' } },
    example: 'curl http://127.0.0.1:7070/metrics',
    async handle(_input, _request, reply) {
      const text = await metrics.render();
      return reply
        .header('content-type', metrics.contentType)
        .header('cache-control', 'no-store')
        .send(text);
    },
  });
};
