import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { RollcallError } from '../kernel/errors.ts';

/** A program that ends with us, even when we are killed with SIGKILL. */
export interface GuardedProcess {
  /** Of the program itself, not of the shell that guards it. */
  readonly pid: number;
  readonly running: boolean;
  /** Resolves when the program has ended, with its exit status as the shell tells it (128 + n for signal n). */
  readonly exited: Promise<number | null>;
  /** Sends a signal to the program; harmless when it has ended. */
  signal(name: NodeJS.Signals): void;
}

export interface GuardedProcessOptions {
  readonly command: string;
  readonly args: readonly string[];
  /** The working folder, which is removed when we die without having stopped the program. */
  readonly folder: string;
  /** Where the program's output goes (appended). */
  readonly logFile: string;
  readonly env?: Readonly<Record<string, string>>;
  /** False: does not keep this process alive (and ends with it all the same). */
  readonly keepAlive: boolean;
}

/**
 * $1 is the log file, $2 the folder, the rest the command. The shell holds the read end of a pipe whose only writer is this
 * process: at its end (we are dead) the watcher kills the program. The watcher is a loop of the shell's own `read`, so that
 * ending it leaves no process behind; once it has begun to clear up, it is no longer to be ended.
 */
const GUARD = `
log=$1; folder=$2; shift 2
exec 3<&0
"$@" >>"$log" 2>&1 3<&- </dev/null &
pid=$!
( while read -r line; do :; done <&3; trap "" TERM; kill -9 $pid; rm -rf "$folder"; rmdir "$(dirname "$folder")" ) >/dev/null 2>&1 &
watcher=$!
echo $pid
wait $pid 2>/dev/null
status=$?
kill $watcher
exit $status
`;

/** Starts a program in a process group of its own: a Ctrl-C at the terminal is for us, who then decide when the program ends. */
export async function guardedProcess(options: GuardedProcessOptions): Promise<GuardedProcess> {
  const { command, args, folder, logFile } = options;
  const shell = spawn('/bin/sh', ['-c', GUARD, 'guard', logFile, folder, command, ...args], {
    cwd: folder,
    detached: true,
    stdio: ['pipe', 'pipe', 'ignore'],
    env: { ...process.env, ...options.env },
  });
  shell.stdin.on('error', () => undefined); // the shell may be gone before us
  let running = true;
  const exited = new Promise<number | null>((resolve, reject) => {
    shell.once('error', reject);
    shell.once('exit', code => {
      running = false;
      shell.stdin.destroy();
      shell.stdout.destroy();
      resolve(code);
    });
  });
  const pid = await Promise.race([firstLine(shell.stdout), exited.then(() => '')]).then(Number);
  if (!Number.isInteger(pid) || pid <= 0)
    throw new RollcallError('INTERNAL', `could not start ${command}`);
  if (!options.keepAlive) for (const handle of [shell, shell.stdin, shell.stdout]) unref(handle);
  return {
    pid,
    get running() {
      return running;
    },
    exited,
    signal(name) {
      if (!running) return;
      try {
        process.kill(pid, name);
      } catch (error) {
        // it ended and the shell has not told us yet
        if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error;
      }
    },
  };
}

/** A child's pipes are sockets, which the types do not say. */
function unref(handle: object): void {
  if ('unref' in handle && typeof handle.unref === 'function') handle.unref();
}

async function firstLine(stream: NodeJS.ReadableStream): Promise<string> {
  let text = '';
  stream.on('data', (chunk: Buffer) => (text += chunk.toString('utf8')));
  while (!text.includes('\n')) await once(stream, 'data');
  return text;
}
