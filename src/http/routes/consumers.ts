import type { FastifyPluginAsync } from 'fastify';
import { z } from 'zod';
import type { ConsumersSnapshot } from '../../aggregator/ports.ts';
import type { RouteContext } from '../context.ts';
import { bodyCache, encoded } from '../encoded.ts';
import { mount, NoBody } from '../operation.ts';
import { ConsumersAnswer } from '../schemas/answers.ts';
import { PollParams, ServiceParams } from '../schemas/inputs.ts';
import { requireConsumers } from '../view-answers.ts';
import { consumerJson, listJson } from '../wire.ts';

export const consumersRoutes: FastifyPluginAsync<RouteContext> = async (app, context) => {
  const { view } = context.aggregator;
  /** A snapshot may be shared by services without consumers: the name is the key. */
  const bodies = bodyCache<ConsumersSnapshot>();

  mount(app, context, {
    method: 'GET',
    path: '/v1/services/:service/consumers',
    id: 'listConsumers',
    tag: 'Discovery',
    summary: 'Who says that it depends on this service',
    access: 'read',
    params: ServiceParams,
    query: z.strictObject(PollParams),
    body: NoBody,
    answers: { 200: { description: 'The consumers.', body: ConsumersAnswer } },
    fromView: true,
    example: 'curl http://127.0.0.1:7070/v1/services/orders/consumers',
    handle({ params: { service }, query }, request, reply) {
      const source = {
        read: () =>
          bodies.get(view.consumers(service), service, ({ index, consumers }) => {
            const list = listJson(consumers, consumerJson);
            const name = JSON.stringify(service);
            return encoded(index, `{"service":${name},"index":"${index}","consumers":${list}}`);
          }),
        require: () => requireConsumers(view, service),
        subscribe: (wake: () => void) => view.onTopic('consumers', wake),
      };
      return context.answers.send(request, reply, source, query);
    },
  });
};
