import { z } from 'zod';
import { DURATION_HINT, formatDurationMs, parseDurationMs } from '../kernel/duration.ts';

/** What people are told of a flag; its type and its rules are in its schema. */
export interface FlagAbout {
  readonly help: string;
  /** What the value looks like in `--help`; undefined: a switch, which takes none. */
  readonly value?: string | undefined;
  readonly repeatable?: boolean | undefined;
  /** As it would be written. */
  readonly fallback?: string | undefined;
  /** Its value is never printed. */
  readonly secret?: boolean | undefined;
}

const about = z.registry<FlagAbout>();

/** Says of `schema` that it is a flag. Every flag needs a schema object of its own. */
export function flag<T extends z.ZodType>(schema: T, words: FlagAbout): T {
  about.add(schema, words);
  return schema;
}

export function aboutFlag(schema: z.core.$ZodType): FlagAbout {
  return about.get(schema) ?? { help: '' };
}

type Words = Omit<FlagAbout, 'fallback'> & { readonly fallback?: string };

/** Parses text with `read`, which returns undefined for what it does not accept. */
function parsed<T>(read: (text: string) => T | undefined, hint: string) {
  return z.string().transform((text, context): T => {
    const value = read(text);
    if (value !== undefined) return value;
    context.issues.push({ code: 'custom', message: hint, input: text });
    return z.NEVER;
  });
}

/** A flag that has a value always: `fallback`, when it is not given. */
export function flagOf<T>(
  read: (text: string) => T | undefined,
  hint: string,
  words: Words & { readonly fallback: string },
) {
  return flag(z.string().default(words.fallback).pipe(parsed(read, hint)), words);
}

/** A flag that must be given; `missing` says what for. */
export function requiredFlagOf<T>(
  read: (text: string) => T | undefined,
  hint: string,
  words: Words & { readonly missing: string },
) {
  return flag(z.string(words.missing).pipe(parsed(read, hint)), words);
}

/** A flag that may be left out. */
export function optionalFlagOf<T>(
  read: (text: string) => T | undefined,
  hint: string,
  words: Words,
) {
  return flag(parsed(read, hint).optional(), words);
}

export const durationFlag = (words: Words & { readonly fallback: string }) =>
  flagOf(parseDurationMs, DURATION_HINT, { value: 'DURATION', ...words });

/** Both ends included. */
export const boundedDurationFlag = (
  leastMs: number,
  mostMs: number,
  words: Words & { readonly fallback: string },
) =>
  flagOf(
    text => {
      const ms = parseDurationMs(text);
      return ms !== undefined && ms >= leastMs && ms <= mostMs ? ms : undefined;
    },
    `${DURATION_HINT}; from ${formatDurationMs(leastMs)} to ${formatDurationMs(mostMs)}`,
    { value: 'DURATION', ...words },
  );

/** `off` is 0. */
export const durationOrOffFlag = (words: Words & { readonly fallback: string }) =>
  flagOf(
    text => (text === 'off' ? 0 : parseDurationMs(text)),
    `${DURATION_HINT}; or say off`,
    words,
  );

export const integerHint = (least: number, most: number): string =>
  `give a whole number from ${least} to ${most}`;

export function readInteger(text: string, least: number, most: number): number | undefined {
  const value = /^\d{1,15}$/.test(text) ? Number(text) : undefined;
  return value !== undefined && value >= least && value <= most ? value : undefined;
}

export const integerFlag = (
  least: number,
  most: number,
  words: Words & { readonly fallback: string },
) => flagOf(text => readInteger(text, least, most), integerHint(least, most), words);

export const textFlag = (words: Words) =>
  flag(z.string().min(1, 'it must not be empty').optional(), { value: 'TEXT', ...words });

export const fileFlag = (words: Words) =>
  flag(z.string().min(1, 'name a file').optional(), { value: 'FILE', ...words });

export const configFlag = () =>
  fileFlag({ help: 'YAML or JSON, with the names of these flags as keys' });

export const switchFlag = (words: Words) => flag(z.boolean().default(false), words);

/** Several values: the flag repeated, commas in the environment, a list in the file. */
export const listFlag = (words: Words) =>
  flag(z.array(z.string().min(1, 'it must not be empty')).default([]), {
    value: 'TEXT',
    ...words,
    repeatable: true,
  });

export const choiceFlag = <const T extends readonly [string, ...string[]]>(
  choices: T,
  words: Words & { readonly fallback: T[number] },
) =>
  flagOf(
    (text): T[number] | undefined => choices.find(choice => choice === text),
    `give one of ${choices.join(', ')}`,
    { value: choices.join('|'), ...words },
  );
