import { harmless } from '../table.ts';

export type Level = 'ok' | 'warn' | 'fail';

/** One thing that the doctor looked at. */
export interface Finding {
  readonly level: Level;
  /** What was looked at; for programs, and kept stable. */
  readonly check: Check;
  /** What was found, in one sentence. */
  readonly text: string;
  /** What to do about it, when it is not well. */
  readonly remedy?: string;
}

export type Check =
  | 'server'
  | 'ensemble'
  | 'session'
  | 'timeout'
  | 'operations'
  | 'clock'
  | 'root'
  | 'identity'
  | 'rights'
  | 'watches'
  | 'sizes'
  | 'daemon';

const SIGNS: Readonly<Record<Level, string>> = { ok: '✓', warn: '!', fail: '✗' };

export const ok = (check: Check, text: string): Finding => ({ level: 'ok', check, text });
export const warn = (check: Check, text: string, remedy: string): Finding => ({
  level: 'warn',
  check,
  text,
  remedy,
});
export const fail = (check: Check, text: string, remedy: string): Finding => ({
  level: 'fail',
  check,
  text,
  remedy,
});

export function findingLine({ level, check, text, remedy }: Finding): string {
  const line = `${SIGNS[level]} ${check.padEnd(10)} ${text}`;
  return harmless(remedy === undefined ? line : `${line}; ${remedy}`);
}
