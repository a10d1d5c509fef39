import type { FastifyPluginAsync } from 'fastify';
import { z } from 'zod';
import type { RouteContext } from '../context.ts';
import { mount, NoBody, NoParams } from '../operation.ts';
import { refuse } from '../problem.ts';
import { IndexInput, ServicesParam } from '../schemas/inputs.ts';
import { requireComplete, requireReadable } from '../view-answers.ts';

const Query = z.strictObject({
  service: ServicesParam,
  lastEventId: IndexInput.optional().describe(
    'Where to go on, for clients that cannot send Last-Event-ID; that header goes before it.',
  ),
});

/** A browser sends the header by itself when it comes back; an empty one means that it has no id yet. */
function resumeFrom(
  header: string | string[] | undefined,
  query: bigint | undefined,
): bigint | undefined {
  if (header === undefined || header === '') return query;
  const parsed = IndexInput.safeParse(header);
  if (parsed.success) return parsed.data;
  return refuse({ field: 'Last-Event-ID', message: 'it is not an id that this stream gave' });
}

export const watchRoutes: FastifyPluginAsync<RouteContext> = async (app, context) => {
  const { view } = context.aggregator;

  mount(app, context, {
    method: 'GET',
    path: '/v1/watch',
    id: 'watch',
    tag: 'Discovery',
    summary: 'Every change as it happens, as server-sent events',
    description:
      'First a `snapshot` of each service, then `joined`, `changed`, `left`, `suspects` (the whole set), `state`; `reset` voids what the client knows, and snapshots follow. The id says up to where everything has been sent; `Last-Event-ID` goes on from there, on any replica, and what is repeated changes nothing. `goodbye`: this replica shuts down; come again, to another. Comments keep the line open.',
    access: 'read',
    params: NoParams,
    query: Query,
    body: NoBody,
    answers: { 200: { description: 'The stream.', body: 'text/event-stream' } },
    problems: ['LIMIT_REACHED', 'SHUTTING_DOWN'],
    fromView: true,
    stream: true,
    example: "curl -N 'http://127.0.0.1:7070/v1/watch?service=orders,payments'",
    async handle({ query: { service, lastEventId } }, request, reply) {
      const from = resumeFrom(request.headers['last-event-id'], lastEventId);
      requireComplete(view);
      const names = service ?? view.services().services.map(({ name }) => name);
      for (const name of names) await context.longLists.encoded(view.service(name));
      const state = requireComplete(view);
      if (service === undefined) requireReadable(view);
      else for (const name of service) requireReadable(view, name);
      context.streams.open(reply.raw, {
        services: service === undefined ? undefined : [...new Set(service)],
        resumeFrom: from,
        headers: {
          'x-rollcall-view': state.kind,
          'x-rollcall-index': view.watermark.toString(),
        },
      });
      context.httpMetrics.streaming(request);
      return reply.hijack();
    },
  });
};
