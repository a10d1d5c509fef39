import { readFileSync } from 'node:fs';
import { parse } from 'yaml';
import { z } from 'zod';
import { errorText, RollcallError } from '../kernel/errors.ts';
import type { ConfigFile, Sources } from './settings.ts';

const MAX_CONFIG_BYTES = 1024 * 1024;

/**
 * Reads a file that a flag names, whole.
 *
 * @throws RollcallError INVALID_CONFIG naming the flag, when the file cannot be read.
 */
export function readNamedFile(flag: string, path: string): string {
  try {
    const bytes = readFileSync(path);
    if (bytes.length <= MAX_CONFIG_BYTES) return bytes.toString('utf8');
  } catch (cause) {
    const reason =
      cause instanceof Error && 'code' in cause ? String(cause.code) : errorText(cause);
    throw new RollcallError(
      'INVALID_CONFIG',
      `--${flag} ${path}: it cannot be read (${reason}): name a file that is there and readable`,
      { cause, details: { flag } },
    );
  }
  throw new RollcallError('INVALID_CONFIG', `--${flag} ${path}: it is larger than 1 MiB`, {
    details: { flag },
  });
}

/** Reads the config file, YAML or JSON (which is YAML): one map from flag names to values. An empty file is an empty map. */
export function readConfigFile(path: string): ConfigFile {
  const text = readNamedFile('config', path);
  let json: unknown;
  try {
    json = parse(text);
  } catch (cause) {
    const line = errorText(cause).split('\n')[0] ?? '';
    throw new RollcallError('INVALID_CONFIG', `--config ${path}: neither YAML nor JSON: ${line}`, {
      cause,
    });
  }
  const values = z.record(z.string(), z.unknown()).safeParse(json ?? {});
  if (values.success) return { path, values: values.data };
  throw new RollcallError(
    'INVALID_CONFIG',
    `--config ${path}: give a map from flag names to values, like "http: 127.0.0.1:7070"`,
  );
}

/** The flags, the environment, and the file that `--config` (or ROLLCALL_CONFIG) names. */
export function gatherSources(flags: Sources['flags'], env: Sources['env']): Sources {
  const path = flags['config'] ?? env['ROLLCALL_CONFIG'] ?? '';
  const file = typeof path === 'string' && path !== '' ? readConfigFile(path) : undefined;
  return { flags, env, file };
}
