import { isUtf8 } from 'node:buffer';
import { z } from 'zod';
import { RollcallError } from '../../kernel/errors.ts';
import type { Acl } from '../../zookeeper/index.ts';

/** The format is described for people in docs/contract.md. */
export const FORMAT_VERSION = 1;

const AclSchema = z.object({
  permissions: z.int().min(1).max(31),
  scheme: z.string().min(1),
  id: z.string(),
});
const ZxidSchema = z.string().regex(/^-?\d{1,20}$/);
const CountSchema = z.int().min(0);

const HeaderSchema = z.looseObject({
  'rollcall-tree': z.int().min(1),
  root: z.string().startsWith('/'),
  at: z.string(),
  zxid: ZxidSchema,
});
export type ExportHeader = Readonly<z.output<typeof HeaderSchema>>;

const NodeSchema = z.looseObject({
  path: z.string().startsWith('/'),
  data: z.string().optional(),
  base64: z.base64().optional(),
  acl: z.array(AclSchema).min(1).optional(),
  mode: z.enum(['container', 'ttl']).optional(),
  ttlMs: z.int().min(1).optional(),
  counter: z.int().optional(),
});

const TrailerSchema = z.looseObject({
  end: z.literal(true),
  nodes: CountSchema,
  ephemerals: CountSchema,
  vanished: CountSchema,
  zxid: ZxidSchema,
  sha256: z.string().regex(/^[0-9a-f]{64}$/),
});
export type ExportTrailer = Readonly<z.output<typeof TrailerSchema>>;

/** A znode as it is kept: all that outlives the sessions and can be set. */
export interface ExportedNode {
  readonly path: string;
  readonly data: Buffer;
  /** Undefined: everybody may do everything. */
  readonly acl: readonly Acl[] | undefined;
  readonly mode: 'persistent' | 'container' | { readonly ttlMs: number };
  /** How many nodes were ever made below it. */
  readonly counter: number;
}

export type ExportLine =
  | { readonly kind: 'header'; readonly header: ExportHeader }
  | { readonly kind: 'node'; readonly node: ExportedNode }
  | { readonly kind: 'trailer'; readonly trailer: ExportTrailer };

export function headerLine(header: Omit<ExportHeader, 'rollcall-tree'>): string {
  return `${JSON.stringify({ 'rollcall-tree': FORMAT_VERSION, ...header })}\n`;
}

export function nodeLine({ path, data, acl, mode, counter }: ExportedNode): string {
  const text = isUtf8(data) ? { data: data.toString('utf8') } : { base64: data.toString('base64') };
  const content = data.length === 0 ? {} : text;
  const life =
    mode === 'persistent'
      ? {}
      : mode === 'container'
        ? { mode }
        : { mode: 'ttl', ttlMs: mode.ttlMs };
  const more = { ...(acl === undefined ? {} : { acl }), ...life };
  const made = counter === 0 ? {} : { counter };
  return `${JSON.stringify({ path, ...content, ...more, ...made })}\n`;
}

export function trailerLine(trailer: Omit<ExportTrailer, 'end'>): string {
  return `${JSON.stringify({ end: true, ...trailer })}\n`;
}

/** @throws RollcallError MALFORMED_RECORD that names the line. */
export function parseLine(line: Buffer, number: number): ExportLine {
  const json = readJson(line, number);
  if (number === 1) return { kind: 'header', header: parseHeader(json) };
  if (typeof json === 'object' && json !== null && 'end' in json) {
    return { kind: 'trailer', trailer: parsed(TrailerSchema, json, number) };
  }
  return { kind: 'node', node: nodeOf(parsed(NodeSchema, json, number), number) };
}

function readJson(line: Buffer, number: number): unknown {
  try {
    return JSON.parse(line.toString('utf8'));
  } catch (cause) {
    if (number === 1) throw noExport();
    throw malformed(`line ${number} is no JSON`, cause);
  }
}

function parseHeader(json: unknown): ExportHeader {
  const found = HeaderSchema.safeParse(json);
  if (!found.success) throw noExport();
  if (found.data['rollcall-tree'] === FORMAT_VERSION) return found.data;
  throw malformed(
    `it is of format ${found.data['rollcall-tree']}, this release reads ${FORMAT_VERSION}: use a newer one`,
  );
}

function nodeOf(found: z.output<typeof NodeSchema>, number: number): ExportedNode {
  const { path, data, base64, acl, mode, ttlMs, counter = 0 } = found;
  if ((data !== undefined && base64 !== undefined) || (mode === 'ttl') !== (ttlMs !== undefined))
    throw malformed(`line ${number} contradicts itself`);
  return {
    path,
    data: base64 === undefined ? Buffer.from(data ?? '') : Buffer.from(base64, 'base64'),
    acl,
    mode: ttlMs === undefined ? (mode === 'container' ? mode : 'persistent') : { ttlMs },
    counter,
  };
}

function parsed<T>(schema: z.ZodType<T>, json: unknown, number: number): T {
  const found = schema.safeParse(json);
  if (found.success) return found.data;
  const [issue] = found.error.issues;
  const where = issue === undefined ? '' : `: ${issue.path.join('.')}: ${issue.message}`;
  throw malformed(`line ${number} is neither a node nor the end${where}`);
}

const noExport = (): RollcallError =>
  malformed('it is no tree export: it does not begin with {"rollcall-tree":1,…}');

export function malformed(message: string, cause?: unknown): RollcallError {
  return new RollcallError('MALFORMED_RECORD', message, cause === undefined ? {} : { cause });
}
