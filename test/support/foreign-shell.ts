import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { eventually } from './eventually.ts';
import type { Program } from './foreign-clients.ts';

/** How the shell of a client is talked to. */
export interface ShellManners {
  /** A command that changes nothing, and all that is printed for it: whatever was typed before has been answered then. */
  readonly mark: string;
  readonly markAnswer: string;
  /** What is printed as soon as there is a session. */
  readonly greeting: RegExp;
}

/** The shell of a client, at whose keyboard a test sits. It ends with the test's scope. */
export interface ForeignShell extends AsyncDisposable {
  /** Types a command, and gives what was printed until it was done. */
  type(command: string): Promise<readonly string[]>;
  /** Waits until something that was printed since the greeting matches. */
  says(pattern: RegExp): Promise<void>;
  /** The lines of all that was printed since the greeting. */
  lines(): readonly string[];
}

/** Resolves when the client is connected. Both of its streams are read as one, in the order in which it wrote. */
export async function foreignShell(
  program: Program,
  args: readonly string[],
  { mark, markAnswer, greeting }: ShellManners,
): Promise<ForeignShell> {
  const words = ['-c', 'exec "$@" 2>&1', 'sh', ...program, ...args];
  const child = spawn('/bin/sh', words, {
    stdio: ['pipe', 'pipe', 'inherit'],
    detached: true, // a group of its own: what a script starts ends with it
    env: { ...process.env, TZ: 'UTC' },
  });
  const gone = once(child, 'close');
  let over = false;
  void gone.then(() => (over = true));
  child.stdin.on('error', () => undefined); // it may be gone: what it said tells why
  let text = '';
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));

  const find = async (from: number, what: string | RegExp): Promise<number> => {
    const search = (): number | Error => {
      const ended = over; // looked at first: what was written before the end has been read then
      const rest = text.slice(from);
      const at = typeof what === 'string' ? rest.indexOf(what) : rest.search(what);
      if (at >= 0) return from + at;
      const missing = new Error(
        `the client ${ended ? 'ended and ' : ''}did not say ${String(what)}, but: ${text.slice(-2_000)}`,
      );
      if (ended) return missing;
      throw missing;
    };
    const found = await eventually(search);
    if (found instanceof Error) throw found;
    return found;
  };

  const close = async (): Promise<void> => {
    try {
      if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL');
    } catch (error) {
      // all of them had ended
      if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error;
    }
    await gone;
  };
  try {
    await find(0, greeting);
  } catch (error) {
    await close();
    throw error;
  }
  const begin = text.length;
  return {
    async type(command) {
      const from = text.length;
      child.stdin.write(`${command}\n${mark}\n`);
      const end = await find(from, markAnswer);
      return text.slice(from, end).split('\n');
    },
    says: async pattern => void (await find(begin, pattern)),
    lines: () => text.slice(begin).split('\n'),
    [Symbol.asyncDispose]: close,
  };
}
