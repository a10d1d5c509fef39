import type { FastifyPluginAsync } from 'fastify';
import { z } from 'zod';
import { RollcallError } from '../../kernel/errors.ts';
import type { RouteContext } from '../context.ts';
import { mount, NoBody } from '../operation.ts';
import { createPicker, PICK_STRATEGIES, type Picked } from '../picker.ts';
import { refuse } from '../problem.ts';
import { PickAnswer } from '../schemas/answers.ts';
import { ServiceParams, TraitParams } from '../schemas/inputs.ts';
import { pickedSuspectJson, providerJson } from '../wire.ts';
import { requireReadable } from '../view-answers.ts';

const Query = z.strictObject({
  strategy: z
    .enum(PICK_STRATEGIES)
    .default('random')
    .describe(
      'random: each pick by itself; round-robin: in turn, of this replica; hash: the same key, the same provider.',
    ),
  key: z
    .string()
    .min(1)
    .max(1_024)
    .optional()
    .describe('For hash: what is to go to the same provider.'),
  ...TraitParams,
});

function pickedJson(picked: Picked): string {
  return picked.kind === 'suspect'
    ? pickedSuspectJson(picked.provider)
    : providerJson(picked.provider);
}

export const pickRoutes: FastifyPluginAsync<RouteContext> = async (app, context) => {
  const { view } = context.aggregator;
  const picker = createPicker(context.random);

  mount(app, context, {
    method: 'GET',
    path: '/v1/services/:service/pick',
    id: 'pickProvider',
    tag: 'Discovery',
    summary: 'One provider, by weight',
    description:
      'Of those that are up, do not fail their check and weigh more than 0. When there is none, one of the suspects, with `"suspect": true`. When there is not even a suspect, 503 NO_PROVIDER.',
    access: 'read',
    params: ServiceParams,
    query: Query,
    body: NoBody,
    answers: { 200: { description: 'The provider.', body: PickAnswer } },
    problems: ['NO_PROVIDER'],
    fromView: true,
    example: "curl 'http://127.0.0.1:7070/v1/services/orders/pick?strategy=hash&key=customer-17'",
    handle({ params: { service }, query: { strategy, key, ...filter } }, request, reply) {
      if (strategy === 'hash' && key === undefined) {
        refuse({ field: 'key', message: 'strategy=hash needs a key' });
      }
      const make = () => {
        requireReadable(view, service);
        const snapshot = view.service(service);
        const picked = picker.pick(snapshot, { filter, strategy, key });
        if (picked === undefined) {
          reply.header('x-rollcall-index', snapshot.index.toString());
          reply.header('x-rollcall-view', view.state.kind);
          throw new RollcallError('NO_PROVIDER', `${service} has no provider that could be picked`);
        }
        return { json: pickedJson(picked), index: snapshot.index };
      };
      return context.answers.sendFresh(request, reply, make, () =>
        context.longLists.decoded(view.service(service)),
      );
    },
  });
};
