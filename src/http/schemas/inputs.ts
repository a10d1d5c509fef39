import { z } from 'zod';
import { DURATION_HINT, parseDurationMs } from '../../kernel/duration.ts';
import { PROVIDER_STATUSES, ProviderIdSchema, ServiceNameSchema } from '../../registry/index.ts';

/** The largest zxid: a signed 64-bit number. */
const MAX_INDEX = 2n ** 63n - 1n;

/** No request is held longer than this. */
export const MAX_WAIT_MS = 5 * 60_000;

export const ServiceParams = z.strictObject({ service: ServiceNameSchema });
export const ProviderParams = z.strictObject({ service: ServiceNameSchema, id: ProviderIdSchema });

/** A zxid as a client sends it back. */
export const IndexInput = z
  .string()
  .regex(/^\d{1,19}$/, 'an index is a decimal number from 0 to 9223372036854775807')
  .transform(text => BigInt(text))
  .refine(index => index <= MAX_INDEX, 'an index is at most 9223372036854775807');

export const PollParams = {
  index: IndexInput.optional().describe(
    'Hold the request until the thing asked for has an index above this one, or its body no longer matches If-None-Match.',
  ),
  wait: z
    .string()
    .transform((text, context) => {
      const ms = parseDurationMs(text);
      if (ms !== undefined) return Math.min(ms, MAX_WAIT_MS);
      context.addIssue({ code: 'custom', message: DURATION_HINT });
      return z.NEVER;
    })
    .optional()
    .describe(
      'How long to hold it at most, like 500ms, 30s or 2m. 30 s when left out, 5 min at the most. Without index: not at all.',
    ),
};

/** One value, several after commas, or the parameter several times; all three may be mixed. */
function listOf<T extends z.ZodType>(item: T, max: number) {
  return z.preprocess(splitList, z.array(item).max(max, `at most ${max} values`));
}

function splitList(given: unknown): unknown {
  const texts: readonly unknown[] = Array.isArray(given) ? given : [given];
  return texts.flatMap(text => (typeof text === 'string' ? text.split(',') : [text]));
}

const texts = listOf(z.string().max(256), 64).optional();

export const TraitParams = {
  tag: texts.describe('Only those that have every one of these tags.'),
  zone: texts.describe('Only those of one of these zones.'),
  version: texts.describe('Only those of one of these versions.'),
  group: texts.describe('Only those of one of these groups; empty: those of none.'),
  protocol: texts.describe('Only those that speak one of these protocols.'),
};

export const StatusParams = {
  status: listOf(z.enum(PROVIDER_STATUSES), 16)
    .optional()
    .describe('Only those of one of these statuses, instead of up.'),
  include: listOf(z.enum([...PROVIDER_STATUSES, 'unhealthy']), 16)
    .optional()
    .describe('These statuses too; unhealthy: also those that fail their active check.'),
};

const limitOf = (max: number) =>
  z
    .string()
    .regex(/^\d{1,6}$/, `a limit is a number from 1 to ${max}`)
    .transform(Number)
    .pipe(z.number().min(1, 'a limit is at least 1').max(max, `a limit is at most ${max}`))
    .optional();

export const PageParams = {
  limit: limitOf(10_000).describe('At most so many, 1 to 10000. Left out: all.'),
};

export const HistoryLimit = limitOf(1_000).describe(
  'The newest so many, 1 to 1000. 100 when left out.',
);

export const ServicesParam = listOf(ServiceNameSchema, 256)
  .optional()
  .describe('Only these services; left out: all.');

export const NameInput = z.string().max(256).optional();

/** A point in time, or how long ago. The moment of asking is handed in when it is resolved. */
export type Since =
  | { readonly kind: 'at'; readonly wallMs: number }
  | { readonly kind: 'ago'; readonly ms: number };

/**
 * A day, which begins in UTC, or a time that says its zone: without one `Date.parse` would take the zone of the machine that the
 * daemon runs on. In a query a bare `+` means a space.
 */
const TIME = /^\d{4}-\d\d-\d\d(?:T\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?(?:Z|[+ -]\d\d:\d\d))?$/;

export const SinceInput = z
  .string()
  .transform((text, context): Since => {
    const ago = parseDurationMs(text);
    if (ago !== undefined) return { kind: 'ago', ms: ago };
    if (/^\d{1,15}$/.test(text)) return { kind: 'at', wallMs: Number(text) };
    const at = TIME.test(text) ? Date.parse(text.replace(' ', '+')) : Number.NaN;
    if (!Number.isNaN(at)) return { kind: 'at', wallMs: at };
    context.addIssue({
      code: 'custom',
      message:
        'give a time with its zone, like 2026-01-31T12:00:00Z, milliseconds since 1970, or how long ago, like 10m',
    });
    return z.NEVER;
  })
  .optional()
  .describe(
    'Only what happened since: an ISO 8601 time with its zone, or a day in UTC, milliseconds since 1970, or how long ago, like 10m.',
  );
