/** What the answers look like. These schemas make the OpenAPI document, and the tests hold every answer against them. */

import { z } from 'zod';
import {
  ConsumerRecordSchema,
  OverrideSchema,
  ProviderRecordSchema,
  ServiceNameSchema,
} from '../../registry/index.ts';

/** The named schemas of the OpenAPI document. */
export const components: z.core.$ZodRegistry<{ id: string }> = z.registry<{ id: string }>();

function named<T extends z.ZodType>(id: string, schema: T): T {
  components.add(schema, { id });
  return schema;
}

const Index = named(
  'Index',
  z
    .string()
    .regex(/^\d{1,19}$/)
    .describe('A zxid, in decimal: 64 bits, more than a JSON number carries.'),
);
const Time = named('Time', z.iso.datetime().describe('ISO 8601, in UTC.'));
const count = z.int().min(0);
const tally = z.record(z.string(), count);

export const Counts = named(
  'Counts',
  z.strictObject({
    total: count,
    up: count,
    starting: count,
    draining: count,
    down: count,
    unhealthy: count,
    suspects: count,
  }),
);

export const OverrideAnswer = named('Override', z.strictObject(OverrideSchema.shape));

export const Provider = named(
  'Provider',
  ProviderRecordSchema.extend({
    znode: z.string().describe('The path in ZooKeeper that stands for it.'),
    czxid: Index,
    since: Time,
    override: OverrideAnswer.optional().describe(
      'What an operator set; weight and status above carry it already.',
    ),
    healthy: z
      .boolean()
      .optional()
      .describe('The verdict of its active check; left out: not checked.'),
  }).describe(
    'A provider record with what the view adds. Fields that Rollcall does not know are passed on.',
  ),
);

export const Suspect = named(
  'Suspect',
  Provider.extend({ vanishedAt: Time, heldUntil: Time, reason: z.string() }).describe(
    'A provider that vanished together with most others of its service, without having drained; kept for a while.',
  ),
);

export const ServicesAnswer = named(
  'Services',
  z.strictObject({
    index: Index,
    services: z.array(z.strictObject({ name: ServiceNameSchema, index: Index, counts: Counts })),
    next: z.string().optional().describe('There is more: ask again with after=…'),
  }),
);

export const Health = z.enum(['healthy', 'degraded', 'down']);

export const ServiceAnswer = named(
  'Service',
  z.strictObject({
    service: ServiceNameSchema,
    index: Index,
    counts: Counts,
    zones: tally,
    versions: tally,
    tags: tally,
    lastChange: Time.nullable(),
    derived: z
      .strictObject({ health: Health, flaps: z.number(), lastChange: Time.nullable() })
      .nullable()
      .describe('The master’s word; null until it has written one.'),
  }),
);

export const ProvidersAnswer = named(
  'Providers',
  z.strictObject({
    service: ServiceNameSchema,
    index: Index,
    providers: z.array(Provider),
    suspects: z.array(Suspect),
    next: z.string().optional().describe('There is more: ask again with after=…'),
  }),
);

export const PickAnswer = named(
  'Pick',
  Provider.extend({
    suspect: z.literal(true).optional().describe('No provider was left; this one may be gone.'),
  }),
);

export const ConsumersAnswer = named(
  'Consumers',
  z.strictObject({
    service: ServiceNameSchema,
    index: Index,
    consumers: z.array(ConsumerRecordSchema.extend({ znode: z.string(), since: z.string() })),
  }),
);

export const TopologyAnswer = named(
  'Topology',
  z.strictObject({
    index: Index,
    edges: z.array(
      z.strictObject({
        consumer: ServiceNameSchema,
        service: ServiceNameSchema,
        instances: count,
      }),
    ),
  }),
);

export const OverridePutAnswer = named(
  'OverrideWritten',
  z.strictObject({
    service: ServiceNameSchema,
    id: z.string(),
    index: Index,
    override: OverrideAnswer,
  }),
);

const Cause = z.enum([
  'deregistered',
  'crashed-or-expired',
  'deleted-by-other',
  'vanished',
  'replaced',
  'rejected',
]);

export const HistoryItem = named(
  'HistoryEntry',
  z.strictObject({
    seq: z.int(),
    at: Time,
    service: z.string(),
    id: z.string(),
    event: z.enum([
      'joined',
      'changed',
      'left',
      'suspected',
      'released',
      'rejected',
      'override',
      'conflict',
    ]),
    cause: Cause.optional(),
    zxid: Index,
    znode: z.string().optional(),
    detail: z.string(),
  }),
);

export const HistoryAnswer = named(
  'History',
  z.strictObject({ entries: z.array(HistoryItem).describe('Newest last.') }),
);

export const ExplainAnswer = named(
  'Explanation',
  z.strictObject({
    service: ServiceNameSchema,
    id: z.string(),
    listed: z.boolean(),
    inDefaultList: z.boolean(),
    reasons: z.array(z.string()).describe('The deciding one first.'),
    znodes: z.array(
      z.strictObject({
        znode: z.string(),
        czxid: Index,
        sessionId: z.string().regex(/^0x[0-9a-f]+$/),
        verdict: z.enum(['listed', 'superseded', 'conflict', 'rejected']),
        detail: z.string(),
      }),
    ),
    provider: Provider.nullable(),
    suspect: Suspect.nullable(),
    override: OverrideAnswer.nullable(),
    history: z.array(HistoryItem),
  }),
);

export const AggregatorsAnswer = named(
  'Aggregators',
  z.strictObject({
    self: z.string(),
    master: z.strictObject({ id: z.string(), token: Index }).nullable(),
    members: z.array(
      z.strictObject({
        id: z.string(),
        address: z.string(),
        version: z.string(),
        since: z.string(),
        master: z.boolean(),
        view: z.enum(['syncing', 'live', 'stale', 'unknown']),
      }),
    ),
  }),
);

export const OverviewAnswer = named(
  'Overview',
  z.strictObject({
    index: Index,
    writtenAt: Time.nullable().describe('null: no master has written yet.'),
    by: z.string().nullable(),
    token: z.string().nullable().describe('The fencing token of the term in which it was written.'),
    totals: z.strictObject({ services: count, providers: count, counts: Counts }).nullable(),
    services: z.array(
      z.strictObject({
        name: ServiceNameSchema,
        health: Health,
        counts: Counts,
        zones: tally,
        versions: tally,
        flaps: z.number(),
        lastChange: Time.nullable(),
      }),
    ),
  }),
);

export const ReadyAnswer = named(
  'Ready',
  z.strictObject({
    ready: z.literal(true),
    view: z.enum(['live', 'stale']),
    staleSince: Time.optional(),
    checks: z.array(z.strictObject({ name: z.string(), ready: z.boolean(), detail: z.string() })),
  }),
);

export const HealthAnswer = named(
  'Alive',
  z.strictObject({ status: z.literal('ok'), version: z.string() }),
);

export const ProblemAnswer = named(
  'Problem',
  z.looseObject({
    type: z.string(),
    title: z.string(),
    status: z.int(),
    detail: z.string(),
    code: z.string().describe('What programs ask for.'),
    instance: z.string().optional(),
    errors: z.array(z.strictObject({ field: z.string(), message: z.string() })).optional(),
  }),
);

const inService = { service: ServiceNameSchema, index: Index };

/** The data of each event of the stream, by the event's name. */
export const StreamEvents = {
  snapshot: named(
    'SnapshotEvent',
    z.strictObject({ ...inService, providers: z.array(Provider), suspects: z.array(Suspect) }),
  ),
  joined: named('JoinedEvent', z.strictObject({ ...inService, provider: Provider })),
  changed: named('ChangedEvent', z.strictObject({ ...inService, provider: Provider })),
  left: named(
    'LeftEvent',
    z.strictObject({ ...inService, id: z.string(), cause: Cause, provider: Provider.optional() }),
  ),
  suspects: named('SuspectsEvent', z.strictObject({ ...inService, suspects: z.array(Suspect) })),
  reset: named(
    'ResetEvent',
    z.strictObject({
      reason: z.enum(['too-far-behind', 'index-went-back', 'history-too-short', 'behind-replica']),
    }),
  ),
  state: named(
    'StateEvent',
    z.strictObject({ state: z.enum(['syncing', 'live', 'stale']), since: Time.optional() }),
  ),
  goodbye: named('GoodbyeEvent', z.strictObject({ reason: z.literal('shutdown') })),
} as const;
