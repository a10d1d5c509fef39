import type { FastifyPluginAsync, FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { onAbort } from '../../kernel/abort.ts';
import { RollcallError } from '../../kernel/errors.ts';
import { WeightSchema } from '../../registry/index.ts';
import { clientSignal } from '../client-signal.ts';
import type { RouteContext } from '../context.ts';
import { mount, NoBody, NoQuery } from '../operation.ts';
import { OverridePutAnswer } from '../schemas/answers.ts';
import { ProviderParams } from '../schemas/inputs.ts';
import { toJson } from '../wire.ts';

const NOTE_LENGTH = 256;
const note = z.string().max(NOTE_LENGTH, `at most ${NOTE_LENGTH} characters`).optional();

const Body = z
  .strictObject({
    weight: WeightSchema.optional().describe(
      'Instead of what the provider says; 0: listed, never picked.',
    ),
    drain: z.boolean().optional().describe('true: it counts as draining.'),
    disabled: z.boolean().optional().describe('true: it counts as down.'),
    by: note.describe('Who sets it. With tokens the name of the token is added.'),
    reason: note.describe('Why, for those who ask later.'),
  })
  .refine(
    ({ weight, drain, disabled }) =>
      weight !== undefined || drain !== undefined || disabled !== undefined,
    'give at least one of weight, drain, disabled',
  );

const path = '/v1/services/:service/providers/:id/override';

export const overrideRoutes: FastifyPluginAsync<RouteContext> = async (app, context) => {
  const { aggregator, access, clock } = context;

  /** A write that ZooKeeper does not answer is given up, though it may have happened: the client is told so. */
  const limited = async <T>(
    reply: FastifyReply,
    write: (signal: AbortSignal) => Promise<T>,
  ): Promise<T> => {
    const limit = new AbortController();
    const timer = clock.after(context.writeTimeoutMs, () =>
      limit.abort(
        new RollcallError(
          'TIMEOUT',
          'ZooKeeper did not answer in time: whether it was written is not known; ask again',
        ),
      ),
    );
    const client = clientSignal(reply);
    const forget = onAbort(client, () => limit.abort(client.reason));
    try {
      return await write(limit.signal);
    } finally {
      forget();
      timer.cancel();
    }
  };

  const author = (request: FastifyRequest, by: string | undefined): string | undefined => {
    const principal = access.principal(request);
    if (principal === undefined || by === principal.name) return by ?? principal?.name;
    const name = ` (token ${principal.name})`;
    return by === undefined ? principal.name : `${by.slice(0, NOTE_LENGTH - name.length)}${name}`;
  };

  mount(app, context, {
    method: 'PUT',
    path,
    id: 'putOverride',
    tag: 'Operating',
    summary: 'Set a provider’s weight, drain it, or take it out',
    description:
      'Replaces the whole override. It outlives the provider: one that comes back under the same id is under it again. Answers once this replica’s view shows it.',
    access: 'write',
    params: ProviderParams,
    query: NoQuery,
    body: Body,
    answers: { 200: { description: 'Written.', body: OverridePutAnswer, indexed: true } },
    problems: ['BODY_TOO_LARGE', 'UNSUPPORTED_MEDIA_TYPE', 'ZOOKEEPER_UNAVAILABLE', 'TIMEOUT'],
    example:
      'curl -X PUT -H \'content-type: application/json\' -d \'{"drain":true,"by":"ann","reason":"new disk"}\' http://127.0.0.1:7070/v1/services/orders/providers/orders-1/override',
    async handle({ params: { service, id }, body }, request, reply) {
      const at = new Date(clock.wallMs()).toISOString();
      const override = { ...body, by: author(request, body.by), at };
      const { index } = await limited(reply, signal =>
        aggregator.putOverride(service, id, override, { signal }),
      );
      const json = toJson({ service, id, index, override });
      return reply.header('x-rollcall-index', index.toString()).type('application/json').send(json);
    },
  });

  mount(app, context, {
    method: 'DELETE',
    path,
    id: 'deleteOverride',
    tag: 'Operating',
    summary: 'Take an override back',
    access: 'write',
    params: ProviderParams,
    query: NoQuery,
    body: NoBody,
    answers: { 204: { description: 'There is none any more.' } },
    problems: ['NOT_FOUND', 'ZOOKEEPER_UNAVAILABLE', 'TIMEOUT'],
    example: 'curl -X DELETE http://127.0.0.1:7070/v1/services/orders/providers/orders-1/override',
    async handle({ params: { service, id } }, _request, reply) {
      const existed = await limited(reply, signal =>
        aggregator.deleteOverride(service, id, { signal }),
      );
      if (!existed)
        throw new RollcallError('NOT_FOUND', `there is no override for ${service}/${id}`);
      return reply.code(204).send();
    },
  });
};
