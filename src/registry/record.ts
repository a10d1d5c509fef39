import { z } from 'zod';
import { RollcallError } from '../kernel/errors.ts';
import type { Utf8Source } from '../zookeeper/index.ts';
import { MAX_JSON_DEPTH, nestsTooDeep } from './json-depth.ts';

/** The version of the provider record that this release writes. Higher ones are read all the same. */
export const RECORD_VERSION = 1;

/** The most bytes of JSON that one record may take; a larger znode is skipped and explained. */
export const MAX_RECORD_BYTES = 64 * 1024;

export const PROVIDER_STATUSES = ['starting', 'up', 'draining', 'down'] as const;
export type ProviderStatus = (typeof PROVIDER_STATUSES)[number];

const text = (max: number) => z.string().max(max);

const SERVICE_NAME = /^[A-Za-z0-9._:-]{1,128}$/;

export const ServiceNameSchema = z
  .string()
  .regex(SERVICE_NAME, 'a service name is 1 to 128 of A-Z a-z 0-9 . _ - :')
  .refine(name => name !== '.' && name !== '..', 'a service cannot be named . or ..');

/** What `ServiceNameSchema` says, without its words. */
export function isServiceName(name: string): boolean {
  return SERVICE_NAME.test(name) && name !== '.' && name !== '..';
}

export const ProviderIdSchema = z
  .string()
  .min(1, 'an id has at least 1 character')
  .max(256, 'an id has at most 256 characters')
  .regex(/^[^/\p{C}]+$/u, 'an id is printable and has no /')
  .refine(id => id !== '.' && id !== '..', 'an id cannot be . or ..');

const duration = z.string().regex(/^\d+(ms|s|m)$/, 'a duration looks like 500ms, 10s or 2m');

export const CheckSchema = z.looseObject({
  http: text(2048).optional(),
  tcp: text(512).optional(),
  grpc: text(512).optional(),
  interval: duration.optional(),
  timeout: duration.optional(),
  rise: z.int().min(1).max(100).optional(),
  fall: z.int().min(1).max(100).optional(),
});

export const PortSchema = z.int().min(1).max(65_535);
export const WeightSchema = z.int().min(0).max(65_535);

/**
 * The provider record, as JSON in the znode. Unknown fields are kept and passed on, so that a newer writer's additions
 * survive an older reader.
 */
export const ProviderRecordSchema = z.looseObject({
  v: z.int().min(1),
  id: ProviderIdSchema,
  service: ServiceNameSchema,
  address: text(255).min(1),
  port: PortSchema,
  protocol: text(64).default('tcp'),
  version: text(128).default(''),
  group: text(128).default(''),
  zone: text(128).default(''),
  weight: WeightSchema.default(100),
  status: z.enum(PROVIDER_STATUSES).default('up'),
  tags: z.array(text(128)).max(256).default([]),
  metadata: z.record(text(256), text(4096)).default({}),
  endpoints: z.record(text(128), PortSchema).default({}),
  registeredAt: text(64).optional(),
  check: CheckSchema.optional(),
  registrar: text(256).optional(),
});

export type ProviderRecord = z.output<typeof ProviderRecordSchema>;
/** What a caller may leave out. */
export type ProviderRecordInput = z.input<typeof ProviderRecordSchema>;

/** Who depends on a service. `consumer` is the dependent's own service name. */
export const ConsumerRecordSchema = z.looseObject({
  v: z.int().min(1),
  id: ProviderIdSchema,
  service: ServiceNameSchema,
  consumer: ServiceNameSchema,
  address: text(255).default(''),
  since: text(64).optional(),
});

export type ConsumerRecord = z.output<typeof ConsumerRecordSchema>;

/** Why a znode's bytes are not a record; a closed set, used as a metric label. */
export type RejectReason = 'too-large' | 'not-json' | 'invalid' | 'name';

export type Parsed<T> =
  | { readonly ok: true; readonly record: T }
  | { readonly ok: false; readonly reason: RejectReason; readonly detail: string };

/** Says which field of a schema's failure is at fault, in one line. */
export function issueText(error: z.ZodError): string {
  return error.issues
    .slice(0, 5)
    .map(
      issue =>
        `${issue.path.length === 0 ? 'the record' : issue.path.map(String).join('.')}: ${issue.message}`,
    )
    .join('; ');
}

/** Never throws. Reads JSON of at most MAX_RECORD_BYTES by `schema`. */
export function parseRecord<T>(schema: z.ZodType<T>, bytes: Utf8Source): Parsed<T> {
  if (bytes.length > MAX_RECORD_BYTES) {
    return {
      ok: false,
      reason: 'too-large',
      detail: `${bytes.length} bytes; at most ${MAX_RECORD_BYTES} are read`,
    };
  }
  const text = bytes.toString('utf8');
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (error) {
    return {
      ok: false,
      reason: 'not-json',
      detail: error instanceof Error ? error.message : 'not JSON',
    };
  }
  if (nestsTooDeep(text)) {
    const detail = `it nests deeper than ${MAX_JSON_DEPTH} levels`;
    return { ok: false, reason: 'invalid', detail };
  }
  const parsed = schema.safeParse(json);
  if (parsed.success) return { ok: true, record: parsed.data };
  return { ok: false, reason: 'invalid', detail: issueText(parsed.error) };
}

/** Never throws: one bad record is a counted, explained skip. */
export function readProvider(bytes: Utf8Source): Parsed<ProviderRecord> {
  return parseRecord(ProviderRecordSchema, bytes);
}

export function readConsumer(bytes: Buffer): Parsed<ConsumerRecord> {
  return parseRecord(ConsumerRecordSchema, bytes);
}

/** @throws RollcallError INVALID_RECORD naming the field at fault. */
export function makeConsumer(input: unknown): ConsumerRecord {
  const parsed = ConsumerRecordSchema.safeParse(input);
  if (!parsed.success) {
    throw new RollcallError('INVALID_RECORD', `not a consumer record: ${issueText(parsed.error)}`, {
      cause: parsed.error,
    });
  }
  return parsed.data;
}

/** @throws RollcallError INVALID_RECORD naming the field at fault. */
export function makeProvider(input: unknown): ProviderRecord {
  const parsed = ProviderRecordSchema.safeParse(input);
  if (!parsed.success) {
    throw new RollcallError('INVALID_RECORD', `not a provider record: ${issueText(parsed.error)}`, {
      cause: parsed.error,
    });
  }
  return parsed.data;
}

export function encodeRecord(record: ProviderRecord | ConsumerRecord): Buffer {
  const bytes = Buffer.from(JSON.stringify(record));
  if (bytes.length > MAX_RECORD_BYTES) {
    throw new RollcallError(
      'INVALID_RECORD',
      `the record takes ${bytes.length} bytes of JSON; at most ${MAX_RECORD_BYTES} are allowed: shorten metadata or tags`,
    );
  }
  return bytes;
}
