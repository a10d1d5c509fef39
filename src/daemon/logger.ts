import pino from 'pino';
import type { Logger } from '../kernel/log.ts';
import type { DaemonConfig } from './config.ts';
import { readableLine } from './log-line.ts';

export interface LoggerOptions {
  readonly level: DaemonConfig['logLevel'];
  /** Lines for people instead of JSON. */
  readonly readable: boolean;
  readonly write: (line: string) => void;
}

/** JSON lines (pino) for programs, or the same lines for people on a terminal. */
export function createLogger({ level, readable, write }: LoggerOptions): Logger {
  const destination = {
    write: (line: string): void => write(readable ? readableLine(line) : line.trimEnd()),
  };
  return pino(
    {
      level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: label => ({ level: label }) },
    },
    destination,
  );
}
