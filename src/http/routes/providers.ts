import type { FastifyPluginAsync } from 'fastify';
import { z } from 'zod';
import type { ServiceSnapshot } from '../../aggregator/ports.ts';
import type { RouteContext } from '../context.ts';
import { bodyCache, type Encoded, encoded } from '../encoded.ts';
import { filterKey, type ListFilter, selectProviders, traitTest } from '../filters.ts';
import { mount, NoBody } from '../operation.ts';
import { ProvidersAnswer } from '../schemas/answers.ts';
import {
  NameInput,
  PageParams,
  PollParams,
  ServiceParams,
  StatusParams,
  TraitParams,
} from '../schemas/inputs.ts';
import { listJson, providerJson, suspectJson } from '../wire.ts';
import { requireReadable } from '../view-answers.ts';

const Query = z.strictObject({
  ...PollParams,
  ...StatusParams,
  ...TraitParams,
  ...PageParams,
  after: NameInput.describe('Only those after this id: the next of the page before.'),
});

function encode(snapshot: ServiceSnapshot, filter: ListFilter): Encoded {
  const { name, index } = snapshot;
  const { providers, suspects, next } = selectProviders(snapshot, filter);
  const head = `{"service":${JSON.stringify(name)},"index":"${index}"`;
  const lists = `"providers":${listJson(providers, providerJson)},"suspects":${listJson(suspects, suspectJson)}`;
  const more = next === undefined ? '' : `,"next":${JSON.stringify(next)}`;
  return encoded(index, `${head},${lists}${more}}`);
}

export const providersRoutes: FastifyPluginAsync<RouteContext> = async (app, context) => {
  const { view } = context.aggregator;
  const bodies = bodyCache<ServiceSnapshot>();

  const prepare = (snapshot: ServiceSnapshot, filter: ListFilter): Promise<void> | undefined => {
    const { longLists } = context;
    if (traitTest(filter) !== undefined) return longLists.whole(snapshot);
    return filter.limit === undefined ? longLists.encoded(snapshot) : undefined;
  };

  mount(app, context, {
    method: 'GET',
    path: '/v1/services/:service/providers',
    id: 'listProviders',
    tag: 'Discovery',
    summary: 'Who is alive: the providers of a service',
    description:
      'Sorted by id. Without a filter: those that are up and do not fail their check. A filter may be given several times, or hold several values after commas. A service that nobody announced has an empty list. `suspects` are providers that vanished together with most others of the service: not in the list, but perhaps still there.',
    access: 'read',
    params: ServiceParams,
    query: Query,
    body: NoBody,
    answers: { 200: { description: 'The providers.', body: ProvidersAnswer } },
    fromView: true,
    example:
      "curl 'http://127.0.0.1:7070/v1/services/orders/providers?zone=eu-1a&include=draining'",
    handle({ params: { service }, query: { index, wait, ...filter } }, request, reply) {
      const key = filterKey(filter);
      const source = {
        prepare: () => prepare(view.service(service), filter),
        read: () => bodies.get(view.service(service), key, snapshot => encode(snapshot, filter)),
        require: () => requireReadable(view, service),
        subscribe: (wake: () => void) => view.onService(service, wake),
      };
      return context.answers.send(request, reply, source, { index, wait });
    },
  });
};
