import { z } from 'zod';
import { type Parsed, parseRecord, type ProviderRecord, WeightSchema } from './record.ts';

const note = z.string().max(256);

/**
 * What an operator says of one provider, JSON at `<root>/overrides/<service>/<id>`. Unknown fields are dropped: an override that is
 * not understood must not look as if it were obeyed.
 */
export const OverrideSchema = z.object({
  weight: WeightSchema.optional(),
  /** True: the provider counts as `draining`, whatever it says of itself, unless it is `down`. */
  drain: z.boolean().optional(),
  /** True: the provider counts as `down`. */
  disabled: z.boolean().optional(),
  /** Who set it and why, for the audit. */
  by: note.optional(),
  reason: note.optional(),
  /** ISO 8601, set by the daemon. */
  at: z.string().max(64).optional(),
});

export type Override = z.output<typeof OverrideSchema>;

/** Never throws: an override that cannot be read is a counted, explained skip. */
export function readOverride(bytes: Buffer): Parsed<Override> {
  return parseRecord(OverrideSchema, bytes);
}

export function encodeOverride(override: Override): Buffer {
  return Buffer.from(JSON.stringify(override));
}

/** The record as it counts: with the operator's word merged in. The same object when there is nothing to merge. */
export function applyOverride(
  record: ProviderRecord,
  override: Override | undefined,
): ProviderRecord {
  if (override === undefined) return record;
  const weight = override.weight ?? record.weight;
  const status = overriddenStatus(record.status, override);
  if (weight === record.weight && status === record.status) return record;
  return { ...record, weight, status };
}

function overriddenStatus(
  status: ProviderRecord['status'],
  override: Override,
): ProviderRecord['status'] {
  if (override.disabled === true) return 'down';
  return override.drain === true && status !== 'down' ? 'draining' : status;
}
