import { spawn } from 'node:child_process';
import { constants } from 'node:os';
import { deferred } from '../kernel/abort.ts';
import { errorText } from '../kernel/errors.ts';

export interface Child {
  /** Its exit status, as the shell says it: 128 + n when signal n ended it, 127 and 126 when it could not be started. */
  readonly exited: Promise<ChildEnd>;
  /** Harmless when it has ended. */
  kill(signal: NodeJS.Signals): void;
}

export interface ChildEnd {
  readonly status: number;
  /** Set when it could not be started: why, for people. */
  readonly problem: string | undefined;
}

/** Starts a program with our own standard streams, in our own process group: it keeps the terminal. */
export function startChild(command: readonly string[], env: NodeJS.ProcessEnv): Child {
  const [program = '', ...args] = command;
  const ended = deferred<ChildEnd>();
  const child = spawn(program, args, { stdio: 'inherit', env });
  child.once('error', (error: NodeJS.ErrnoException) => {
    if (child.pid !== undefined) return; // a signal that could not be delivered
    const status = error.code === 'ENOENT' ? 127 : 126;
    const why = error.code === 'ENOENT' ? 'there is no such program' : errorText(error);
    ended.resolve({ status, problem: `cannot start "${program}": ${why}` });
  });
  child.once('exit', (code, signal) => {
    const status = signal === null ? (code ?? 1) : 128 + constants.signals[signal];
    ended.resolve({ status, problem: undefined });
  });
  return { exited: ended.promise, kill: signal => void child.kill(signal) };
}
