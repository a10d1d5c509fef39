import { parseArgs, type ParseArgsConfig } from 'node:util';
import { aboutFlag, didYouMean, type RawValue, type SettingsSchema } from '../daemon/index.ts';
import { RollcallError } from '../kernel/errors.ts';

export interface Arguments {
  readonly flags: Readonly<Record<string, RawValue>>;
  readonly words: readonly string[];
  /** What stands behind `--`; undefined when there is no `--`. */
  readonly command: readonly string[] | undefined;
  readonly help: boolean;
  readonly version: boolean;
}

type Options = NonNullable<ParseArgsConfig['options']>;

const COMMON: Options = {
  help: { type: 'boolean', short: 'h' },
  version: { type: 'boolean', short: 'V' },
};

function optionsOf(schema: SettingsSchema): Options {
  const entries = Object.entries(schema.shape).map(([name, flag]) => {
    const type = aboutFlag(flag).value === undefined ? ('boolean' as const) : ('string' as const);
    return [name, { type }] as const;
  });
  // a command's own flag (register --version 1.4.2) goes before the common one
  return { ...COMMON, ...Object.fromEntries(entries) };
}

/**
 * Splits a command line by the flags of `schema`.
 *
 * @throws RollcallError INVALID_CONFIG for an unknown flag (with the one that was probably meant), a flag without its value,
 * a switch with one, or a flag given twice that is not a list.
 */
export function parseArguments(argv: readonly string[], schema: SettingsSchema): Arguments {
  const end = argv.indexOf('--');
  const options = optionsOf(schema);
  const { tokens } = parseArgs({
    args: [...(end === -1 ? argv : argv.slice(0, end))],
    options,
    strict: false,
    tokens: true,
    allowPositionals: true,
  });
  const flags = new Map<string, RawValue>();
  const words: string[] = [];
  for (const token of tokens) {
    if (token.kind === 'positional') words.push(token.value);
    if (token.kind === 'option') takeOption(token, options, schema, flags);
  }
  const isCommon = (name: string): boolean =>
    schema.shape[name] === undefined && flags.get(name) === true;
  const own = [...flags].filter(([name]) => schema.shape[name] !== undefined);
  return {
    flags: Object.fromEntries(own),
    words,
    command: end === -1 ? undefined : argv.slice(end + 1),
    help: isCommon('help'),
    version: isCommon('version'),
  };
}

interface OptionToken {
  readonly name: string;
  readonly rawName: string;
  readonly value: string | undefined;
  readonly inlineValue: boolean | undefined;
}

function takeOption(
  { name, rawName, value, inlineValue }: OptionToken,
  options: Options,
  schema: SettingsSchema,
  flags: Map<string, RawValue>,
): void {
  // every object has a `constructor`, which is no flag
  const option = Object.hasOwn(options, name) ? options[name] : undefined;
  if (option === undefined) {
    const hint = didYouMean(name, Object.keys(options), '--');
    throw usage(`there is no flag ${rawName}${hint}; --help lists them`);
  }
  if (option.type === 'boolean') {
    if (value !== undefined) throw usage(`${rawName} takes no value`);
    flags.set(name, true);
    return;
  }
  const forgotten = value === undefined || (inlineValue !== true && value.startsWith('--'));
  if (forgotten) throw usage(`${rawName} takes a value: ${rawName} ${placeholder(schema, name)}`);
  const before = flags.get(name);
  const flag = schema.shape[name];
  if (flag !== undefined && aboutFlag(flag).repeatable === true) {
    flags.set(name, [...(Array.isArray(before) ? before : []), value]);
    return;
  }
  if (before !== undefined) throw usage(`${rawName} is given twice: give it once`);
  flags.set(name, value);
}

function placeholder(schema: SettingsSchema, name: string): string {
  const flag = schema.shape[name];
  return (flag === undefined ? undefined : aboutFlag(flag).value) ?? 'VALUE';
}

export function usage(message: string): RollcallError {
  return new RollcallError('INVALID_CONFIG', message);
}
