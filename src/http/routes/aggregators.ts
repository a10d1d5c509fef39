import type { FastifyPluginAsync } from 'fastify';
import type { RouteContext } from '../context.ts';
import { mount, NoBody, NoParams, NoQuery } from '../operation.ts';
import { AggregatorsAnswer } from '../schemas/answers.ts';
import { toJson } from '../wire.ts';

export const aggregatorsRoutes: FastifyPluginAsync<RouteContext> = async (app, context) => {
  const { aggregator, answers } = context;

  mount(app, context, {
    method: 'GET',
    path: '/v1/aggregators',
    id: 'listAggregators',
    tag: 'Operating',
    summary: 'The replicas, which of them is master, and what each has of the view',
    access: 'read',
    params: NoParams,
    query: NoQuery,
    body: NoBody,
    answers: { 200: { description: 'The replicas.', body: AggregatorsAnswer } },
    fromView: true,
    example: 'curl http://127.0.0.1:7070/v1/aggregators',
    handle: (_input, request, reply) =>
      answers.sendFresh(request, reply, () => {
        const { self, master, members } = aggregator.aggregators();
        return { json: toJson({ self, master: master ?? null, members }) };
      }),
  });
};
