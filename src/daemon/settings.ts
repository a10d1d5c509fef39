import { z } from 'zod';
import { RollcallError } from '../kernel/errors.ts';
import { aboutFlag } from './flags.ts';
import { didYouMean } from './suggest.ts';

/** A set of flags: the keys are their names, `session-timeout`. */
export type SettingsSchema = z.ZodObject<z.core.$ZodLooseShape>;

export type RawValue = string | boolean | readonly string[];

/** What was given by hand, in the environment and in the file. */
export interface Sources {
  readonly flags: Readonly<Record<string, RawValue>>;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly file?: ConfigFile | undefined;
}

export interface ConfigFile {
  readonly path: string;
  readonly values: Readonly<Record<string, unknown>>;
}

interface Given {
  readonly value: RawValue;
  /** How a person would find it again: `--http`, `ROLLCALL_HTTP`, `http in rollcall.yaml`. */
  readonly where: string;
}

export function envName(flag: string): string {
  return `ROLLCALL_${flag.toUpperCase().replaceAll('-', '_')}`;
}

/**
 * Reads every flag of `schema`: by hand > environment > file > default. An empty variable counts as not given.
 *
 * @param foreign keys of the file that belong to other commands: the file is shared, so they are left alone.
 * @throws RollcallError INVALID_CONFIG that names the flag, variable or key at fault and what to give instead.
 */
export function readSettings<S extends SettingsSchema>(
  schema: S,
  sources: Sources,
  foreign: readonly string[] = [],
): Readonly<z.output<S>> {
  const names = Object.keys(schema.shape);
  refuseUnknownKeys(names, foreign, sources.file);
  const given = new Map<string, Given>();
  for (const name of names) {
    const found = findValue(schema, name, sources);
    if (found !== undefined) given.set(name, found);
  }
  const raw = Object.fromEntries([...given].map(([name, { value }]) => [name, value]));
  const parsed = schema.safeParse(raw);
  if (parsed.success) return Object.freeze(parsed.data);
  throw failure(schema, given, parsed.error);
}

type Kind = 'switch' | 'list' | 'text';

function kindOf(schema: SettingsSchema, name: string): Kind {
  const { value, repeatable } = aboutOf(schema, name);
  if (repeatable === true) return 'list';
  return value === undefined ? 'switch' : 'text';
}

function aboutOf(schema: SettingsSchema, name: string) {
  const flagSchema = schema.shape[name];
  return flagSchema === undefined ? { help: '' } : aboutFlag(flagSchema);
}

function findValue(schema: SettingsSchema, name: string, sources: Sources): Given | undefined {
  const kind = kindOf(schema, name);
  const byHand = sources.flags[name];
  if (byHand !== undefined) return { value: byHand, where: `--${name}` };
  const variable = envName(name);
  const fromEnv = sources.env[variable];
  if (fromEnv !== undefined && fromEnv !== '' && !isServiceLink(schema, name, fromEnv)) {
    return { value: fromText(fromEnv, kind, variable), where: variable };
  }
  const fromFile = sources.file?.values[name];
  if (sources.file === undefined || fromFile === undefined || fromFile === null) return undefined;
  const where = `${name} in ${sources.file.path}`;
  return { value: fromJson(fromFile, kind, where), where };
}

/**
 * Kubernetes gives every container `ROLLCALL_PORT=tcp://10.0.0.1:7070` once a Service is called rollcall: not ours, unless the flag
 * takes such a value, as --check does.
 */
function isServiceLink(schema: SettingsSchema, name: string, value: string): boolean {
  if (!/^(tcp|udp|sctp):\/\/[\d.:[\]a-f]+$/.test(value)) return false;
  const alone = z.object({ flag: schema.shape[name] ?? z.never() }).safeParse({ flag: value });
  return !alone.success;
}

function fromText(text: string, kind: Kind, where: string): RawValue {
  if (kind === 'text') return text;
  if (kind === 'list') return text.split(',').map(part => part.trim());
  if (['1', 'true', 'yes', 'on'].includes(text.toLowerCase())) return true;
  if (['0', 'false', 'no', 'off'].includes(text.toLowerCase())) return false;
  throw new RollcallError('INVALID_CONFIG', `${where}="${text}": give true or false`);
}

function fromJson(value: unknown, kind: Kind, where: string): RawValue {
  if (kind === 'switch' && typeof value === 'boolean') return value;
  if (kind === 'list') return listOf(value, where);
  if (kind === 'text' && typeof value === 'boolean') return value ? 'on' : 'off';
  if (typeof value === 'string' || typeof value === 'number') {
    return fromText(String(value), kind, where);
  }
  throw new RollcallError('INVALID_CONFIG', `${where}: give a single value`);
}

function listOf(value: unknown, where: string): readonly string[] {
  if (Array.isArray(value)) return value.map(String);
  if (typeof value === 'string' || typeof value === 'number') return [String(value)];
  if (typeof value === 'object' && value !== null) {
    return Object.entries(value).map(([key, item]) => `${key}=${String(item)}`);
  }
  throw new RollcallError('INVALID_CONFIG', `${where}: give a list`);
}

function refuseUnknownKeys(
  names: readonly string[],
  foreign: readonly string[],
  file: ConfigFile | undefined,
): void {
  const known = [...new Set([...names, ...foreign])];
  for (const key of Object.keys(file?.values ?? {})) {
    if (known.includes(key)) continue;
    const hint = didYouMean(key, known);
    throw new RollcallError(
      'INVALID_CONFIG',
      `${file?.path ?? 'the config file'}: there is no setting "${key}"${hint}; the keys are the names of the flags, as --help lists them`,
    );
  }
}

function failure(
  schema: SettingsSchema,
  given: ReadonlyMap<string, Given>,
  error: z.ZodError,
): RollcallError {
  // what was given wrongly goes before what is missing: it may be why
  const issue = error.issues.find(({ path }) => given.has(String(path[0]))) ?? error.issues[0];
  const name = String(issue?.path[0] ?? '');
  const message = issue?.message ?? 'invalid';
  const found = given.get(name);
  const details = { flag: name };
  if (found === undefined) {
    return new RollcallError('INVALID_CONFIG', `--${name} is missing: ${message}`, { details });
  }
  const { secret, value } = aboutOf(schema, name);
  const shown = secret === true || value === undefined ? '' : ` "${String(found.value)}"`;
  return new RollcallError('INVALID_CONFIG', `${found.where}${shown}: ${message}`, { details });
}
