import type { FastifyPluginAsync } from 'fastify';
import { z } from 'zod';
import type { TopologySnapshot } from '../../aggregator/ports.ts';
import type { RouteContext } from '../context.ts';
import { bodyCache } from '../encoded.ts';
import { mount, NoBody, NoParams } from '../operation.ts';
import { TopologyAnswer } from '../schemas/answers.ts';
import { PollParams } from '../schemas/inputs.ts';
import { encodedValue, requireConsumers } from '../view-answers.ts';

export const topologyRoutes: FastifyPluginAsync<RouteContext> = async (app, context) => {
  const { view } = context.aggregator;
  const bodies = bodyCache<TopologySnapshot>();

  mount(app, context, {
    method: 'GET',
    path: '/v1/topology',
    id: 'getTopology',
    tag: 'Discovery',
    summary: 'Who depends on whom',
    access: 'read',
    params: NoParams,
    query: z.strictObject(PollParams),
    body: NoBody,
    answers: {
      200: { description: 'One edge a pair of consumer and service.', body: TopologyAnswer },
    },
    fromView: true,
    example: 'curl http://127.0.0.1:7070/v1/topology',
    handle({ query }, request, reply) {
      const source = {
        read: () =>
          bodies.get(view.topology(), '', ({ index, edges }) => {
            const plain = edges.map(({ consumer, service, instances }) => ({
              consumer,
              service,
              instances,
            }));
            return encodedValue(index, { index, edges: plain });
          }),
        require: () => requireConsumers(view),
        subscribe: (wake: () => void) => view.onTopic('consumers', wake),
      };
      return context.answers.send(request, reply, source, query);
    },
  });
};
