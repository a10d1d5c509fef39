import type { FastifyPluginAsync, FastifyReply } from 'fastify';
import { z } from 'zod';
import type { DerivedService, ServiceSnapshot, ServicesSnapshot } from '../../aggregator/ports.ts';
import { RollcallError } from '../../kernel/errors.ts';
import type { RouteContext } from '../context.ts';
import { bodyCache, type Encoded, encoded } from '../encoded.ts';
import { filterKey, selectNamed } from '../filters.ts';
import { mount, NoBody, NoParams } from '../operation.ts';
import { ServiceAnswer, ServicesAnswer } from '../schemas/answers.ts';
import { NameInput, PageParams, PollParams, ServiceParams } from '../schemas/inputs.ts';
import { encodedValue, requireReadable } from '../view-answers.ts';
import { listJson, serviceItemJson } from '../wire.ts';

const ListQuery = z.strictObject({
  ...PollParams,
  prefix: NameInput.describe('Only those whose name begins so.'),
  ...PageParams,
  after: NameInput.describe('Only those after this name: the next of the page before.'),
});

const SummaryQuery = z.strictObject(PollParams);

function encodeList(
  snapshot: ServicesSnapshot,
  filter: Parameters<typeof selectNamed>[1],
): Encoded {
  const { items, next } = selectNamed(snapshot.services, filter);
  const more = next === undefined ? '' : `,"next":${JSON.stringify(next)}`;
  const services = listJson(items, serviceItemJson);
  return encoded(snapshot.index, `{"index":"${snapshot.index}","services":${services}${more}}`);
}

function countBy(
  snapshot: ServiceSnapshot,
  keysOf: (of: ServiceSnapshot['providers'][number]) => readonly string[],
) {
  const counts = new Map<string, number>();
  for (const provider of snapshot.providers) {
    for (const key of keysOf(provider)) counts.set(key, (counts.get(key) ?? 0) + 1);
  }
  return Object.fromEntries([...counts].toSorted(([a], [b]) => (a < b ? -1 : 1)));
}

function encodeSummary(snapshot: ServiceSnapshot, derived: DerivedService | undefined): Encoded {
  const { name, index, counts, lastChange } = snapshot;
  return encodedValue(index, {
    service: name,
    index,
    counts,
    zones: countBy(snapshot, ({ record }) => [record.zone]),
    versions: countBy(snapshot, ({ record }) => [record.version]),
    tags: countBy(snapshot, ({ record }) => [...new Set(record.tags)]),
    lastChange: lastChange ?? null,
    derived:
      derived === undefined
        ? null
        : { health: derived.health, flaps: derived.flaps, lastChange: derived.lastChange ?? null },
  });
}

export const servicesRoutes: FastifyPluginAsync<RouteContext> = async (app, context) => {
  const { aggregator, answers } = context;
  const { view } = aggregator;
  const lists = bodyCache<ServicesSnapshot>();
  const summaries = new WeakMap<
    ServiceSnapshot,
    { derived: DerivedService | undefined; body: Encoded }
  >();

  /** It has two sources: the body is good for as long as both are what they were. */
  const summary = (name: string): Encoded => {
    const snapshot = view.service(name);
    const derived = aggregator.derived().service(name);
    const known = summaries.get(snapshot);
    if (known !== undefined && known.derived === derived) return known.body;
    const body = encodeSummary(snapshot, derived);
    summaries.set(snapshot, { derived, body });
    return body;
  };

  mount(app, context, {
    method: 'GET',
    path: '/v1/services',
    id: 'listServices',
    tag: 'Discovery',
    summary: 'All services, with their counts',
    description:
      'Sorted by name. The index is the newest of any service, or the watermark of the whole view where that is smaller.',
    access: 'read',
    params: NoParams,
    query: ListQuery,
    body: NoBody,
    answers: { 200: { description: 'The services.', body: ServicesAnswer } },
    fromView: true,
    example: 'curl http://127.0.0.1:7070/v1/services?prefix=shop.',
    handle({ query: { index, wait, ...filter } }, request, reply) {
      const key = filterKey(filter);
      const source = {
        read: () => lists.get(view.services(), key, snapshot => encodeList(snapshot, filter)),
        subscribe: (wake: () => void) => view.onTopic('services', wake),
        require: () => requireReadable(view),
      };
      return answers.send(request, reply, source, { index, wait });
    },
  });

  mount(app, context, {
    method: 'GET',
    path: '/v1/services/:service',
    id: 'getService',
    tag: 'Discovery',
    summary:
      'One service: counts by status, zone, version and tag, its last change, its derived health',
    description:
      'Counts are of every provider that is listed, whatever its status. With `?index=` a service that is not there is waited for, too.',
    access: 'read',
    params: ServiceParams,
    query: SummaryQuery,
    body: NoBody,
    answers: { 200: { description: 'The summary.', body: ServiceAnswer } },
    problems: ['NOT_FOUND'],
    fromView: true,
    example: 'curl http://127.0.0.1:7070/v1/services/orders',
    handle({ params: { service }, query }, request, reply) {
      const source = {
        prepare: () => context.longLists.decoded(view.service(service)),
        // What stands for a service that is not there is waited for like any other, and never sent.
        read: () =>
          view.has(service) ? summary(service) : encoded(view.service(service).index, ''),
        require: (to: FastifyReply) => {
          requireReadable(view, service);
          if (view.has(service)) return;
          to.header('x-rollcall-index', view.service(service).index.toString());
          to.header('x-rollcall-view', view.state.kind);
          throw new RollcallError('NOT_FOUND', `there is no service named ${service} now`);
        },
        subscribe: (wake: () => void) => {
          const ends = [view.onService(service, wake), view.onTopic('derived', wake)];
          return () => ends.forEach(end => end());
        },
      };
      return answers.send(request, reply, source, query);
    },
  });
};
