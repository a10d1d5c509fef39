import type { FastifyPluginAsync } from 'fastify';
import { z } from 'zod';
import type { Clock } from '../../kernel/clock.ts';
import { ProviderIdSchema, ServiceNameSchema } from '../../registry/index.ts';
import type { RouteContext } from '../context.ts';
import { mount, NoBody, NoParams } from '../operation.ts';
import { HistoryAnswer } from '../schemas/answers.ts';
import { HistoryLimit, type Since, SinceInput } from '../schemas/inputs.ts';
import { toJson } from '../wire.ts';

const DEFAULT_LIMIT = 100;

const Query = z.strictObject({
  service: ServiceNameSchema.optional().describe('Only of this service.'),
  id: ProviderIdSchema.optional().describe('Only of this provider.'),
  since: SinceInput,
  limit: HistoryLimit,
});

function wallMsOf(since: Since | undefined, clock: Clock): number | undefined {
  if (since === undefined) return undefined;
  return since.kind === 'at' ? since.wallMs : clock.wallMs() - since.ms;
}

export const historyRoutes: FastifyPluginAsync<RouteContext> = async (app, context) => {
  const { aggregator, answers, clock } = context;
  const { history } = aggregator;

  mount(app, context, {
    method: 'GET',
    path: '/v1/history',
    id: 'getHistory',
    tag: 'Operating',
    summary: 'What happened when, and why, as this replica saw it',
    access: 'read',
    params: NoParams,
    query: Query,
    body: NoBody,
    answers: { 200: { description: 'The newest entries, the newest last.', body: HistoryAnswer } },
    fromView: true,
    example: "curl 'http://127.0.0.1:7070/v1/history?service=orders&since=10m'",
    handle: ({ query: { service, id, since, limit = DEFAULT_LIMIT } }, request, reply) =>
      answers.sendFresh(request, reply, () => {
        const sinceWallMs = wallMsOf(since, clock);
        const entries = history.query({ service, id, sinceWallMs, limit });
        return { json: toJson({ entries }) };
      }),
  });
};
