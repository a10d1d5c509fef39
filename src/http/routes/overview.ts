import type { FastifyPluginAsync } from 'fastify';
import { z } from 'zod';
import type { DerivedService, DerivedSnapshot } from '../../aggregator/ports.ts';
import type { RouteContext } from '../context.ts';
import { bodyCache, type Encoded } from '../encoded.ts';
import { mount, NoBody, NoParams } from '../operation.ts';
import { OverviewAnswer } from '../schemas/answers.ts';
import { PollParams } from '../schemas/inputs.ts';
import { encodedValue } from '../view-answers.ts';

function encode({ index, overview, services }: DerivedSnapshot): Encoded {
  const totals = overview && {
    services: overview.services,
    providers: overview.providers,
    counts: overview.counts,
  };
  return encodedValue(index, {
    index,
    writtenAt: overview?.writtenAt ?? null,
    by: overview?.by ?? null,
    token: overview?.token ?? null,
    totals: totals ?? null,
    services: services.map(serviceOf),
  });
}

/** Field by field: a newer master may have written more than this release documents. */
function serviceOf({ name, health, counts, zones, versions, flaps, lastChange }: DerivedService) {
  return { name, health, counts, zones, versions, flaps, lastChange: lastChange ?? null };
}

export const overviewRoutes: FastifyPluginAsync<RouteContext> = async (app, context) => {
  const { aggregator, answers } = context;
  const bodies = bodyCache<DerivedSnapshot>();

  mount(app, context, {
    method: 'GET',
    path: '/v1/overview',
    id: 'getOverview',
    tag: 'Operating',
    summary: 'What the master derived: totals, and the health and flaps of each service',
    description:
      'Its index is that of the derived state. Until a master has written, the fields are null and the list is empty.',
    access: 'read',
    params: NoParams,
    query: z.strictObject(PollParams),
    body: NoBody,
    answers: { 200: { description: 'The overview.', body: OverviewAnswer } },
    fromView: true,
    example: 'curl http://127.0.0.1:7070/v1/overview',
    handle({ query }, request, reply) {
      const source = {
        read: () => bodies.get(aggregator.derived(), '', encode),
        subscribe: (wake: () => void) => aggregator.view.onTopic('derived', wake),
      };
      return answers.send(request, reply, source, query);
    },
  });
};
