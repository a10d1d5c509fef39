/**
 * The bytes of the derived nodes. Readers are of several releases at once: unknown fields are passed over, missing ones get
 * their defaults, a higher `v` is read all the same, and what is no JSON of ours is as if it were not there.
 */
import { z } from 'zod';
import type { DerivedOverview, DerivedService } from '../ports.ts';
import { deriveHealth } from './summary.ts';

export const DERIVED_VERSION = 1;

const count = z.number().int().min(0).catch(0);
const text = z.string().optional().catch(undefined);

const CountsSchema = z.object({
  total: count,
  up: count,
  starting: count,
  draining: count,
  down: count,
  unhealthy: count,
  suspects: count,
});

/** Keys come from providers' records: `__proto__` is a key like any other, so the object is built from entries. */
const tallySchema = z
  .unknown()
  .optional()
  .transform((value): Readonly<Record<string, number>> => {
    if (typeof value !== 'object' || value === null) return {};
    return Object.fromEntries(
      Object.entries(value).filter((entry): entry is [string, number] =>
        Number.isInteger(entry[1]),
      ),
    );
  });

const emptyCounts = (): z.output<typeof CountsSchema> => CountsSchema.parse({});

const ServiceSchema = z.object({
  name: z.string().min(1),
  /** A word that only a newer master knows is derived anew from its counts. */
  health: z.enum(['healthy', 'degraded', 'down']).optional().catch(undefined),
  counts: CountsSchema.catch(emptyCounts),
  zones: tallySchema,
  versions: tallySchema,
  flaps: count,
  lastChange: text,
});

const ShardSchema = z.object({ v: z.number().min(1), services: z.array(z.unknown()) });

const OverviewSchema = z.object({
  v: z.number().min(1),
  writtenAt: z.string(),
  by: z.string().catch(''),
  token: z.string().catch(''),
  services: count,
  providers: count,
  counts: CountsSchema.catch(emptyCounts),
});

function json(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString('utf8'));
  } catch {
    return undefined;
  }
}

/** One service's part of a shard; kept by the writer, so that only what changed is encoded again. */
export function encodeService(service: DerivedService): string {
  return JSON.stringify(service);
}

/** @param parts what `encodeService` gave, in any order. */
export function encodeShard(parts: readonly string[], token: bigint): Buffer {
  return Buffer.from(`{"v":${DERIVED_VERSION},"token":"${token}","services":[${parts.join(',')}]}`);
}

function withHealth(read: z.output<typeof ServiceSchema>): DerivedService {
  const { up, total, suspects } = read.counts;
  const { lastChange, health = deriveHealth({ usable: up, total, suspects }) } = read;
  return { ...read, health, lastChange };
}

/** One service's entry, with the text that it was read from. */
export interface DecodedService {
  readonly text: string;
  readonly service: DerivedService;
}

export type DecodedShard = ReadonlyMap<string, DecodedService>;

const NOTHING: DecodedShard = new Map();

/**
 * Never throws; a service's entry that cannot be read is left out.
 * @param before what the shard said before: of a service of which it says the same, the object stays the same.
 */
export function decodeShard(bytes: Buffer, before = NOTHING): DecodedShard {
  const shard = ShardSchema.safeParse(json(bytes));
  const services = new Map<string, DecodedService>();
  if (!shard.success) return services;
  for (const entry of shard.data.services) {
    const text = JSON.stringify(entry);
    const known = before.get(nameIn(entry));
    if (known?.text === text) {
      services.set(known.service.name, known);
      continue;
    }
    const read = ServiceSchema.safeParse(entry);
    if (read.success) services.set(read.data.name, { text, service: withHealth(read.data) });
  }
  return services;
}

function nameIn(entry: unknown): string {
  const name = typeof entry === 'object' && entry !== null && 'name' in entry ? entry.name : '';
  return typeof name === 'string' ? name : '';
}

export function encodeOverview(overview: DerivedOverview): Buffer {
  return Buffer.from(JSON.stringify({ v: DERIVED_VERSION, ...overview }));
}

export function decodeOverview(bytes: Buffer): DerivedOverview | undefined {
  const parsed = OverviewSchema.safeParse(json(bytes));
  if (!parsed.success) return undefined;
  const { v: _version, ...overview } = parsed.data;
  return overview;
}
