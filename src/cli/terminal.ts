import type { Clock } from '../kernel/clock.ts';

export type StopSignal = 'SIGTERM' | 'SIGINT' | 'SIGHUP';

/** What a command may know of the process it runs in; only main.ts touches the process itself. */
export interface Terminal {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Of this package. */
  readonly version: string;
  readonly clock: Clock;
  /** 0 ≤ x < 1. */
  readonly random: () => number;
  /** Standard output is a terminal: people read it. */
  readonly interactive: boolean;
  /** Standard input is a terminal: its Ctrl-C reaches the whole process group by itself. */
  readonly keyboard: boolean;
  /** Writes one line (or several) to standard output. */
  print(text: string): void;
  /** Writes one line to standard error. */
  complain(text: string): void;
  /** Writes to standard output as it is; resolves when more may be written. Who reads must read all of it. */
  write(text: string): Promise<void>;
  /** Standard input, as it comes. */
  input(): AsyncIterable<Uint8Array>;
  /**
   * While there is a listener, these signals do not end the process. What npm passes on of a Ctrl-C that was heard already is not
   * told again. The returned function takes the listener away.
   */
  onSignal(listener: (signal: StopSignal) => void): () => void;
  /** Ends the process at once. */
  exitNow(code: number): void;
  /** Who is told of what nobody caught, before the process ends with 1; default: one line on standard error. */
  onFatal(report: (error: unknown) => void): void;
}

export const EXIT = { done: 0, failed: 1, usage: 2, unreachable: 3 } as const;

/** As the shell says it: 128 + the signal's number. */
export const SIGNAL_EXIT: Readonly<Record<StopSignal, number>> = {
  SIGHUP: 129,
  SIGINT: 130,
  SIGTERM: 143,
};
