import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, existsSync, openSync } from 'node:fs';
import { constants } from 'node:os';
import { fileURLToPath } from 'node:url';
import { expect } from 'vitest';
import { z } from 'zod';
import { eventually } from './eventually.ts';

const top = fileURLToPath(new URL('../..', import.meta.url));
const command = fileURLToPath(new URL('../../bin/rollcall.js', import.meta.url));
const main = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));

/** A running `rollcall`, which ends with the test's scope. */
export interface Running extends AsyncDisposable {
  readonly pid: number;
  /** What was written so far, as text. */
  readonly stdout: string;
  readonly stderr: string;
  /** Its exit status, 128 + n when signal n ended it. */
  readonly exited: Promise<number>;
  /** The same, once everything that it (and the children that hold its streams) wrote has been read. */
  readonly finished: Promise<number>;
  /** Waits until standard output (or standard error) matches, and returns the match. */
  says(pattern: RegExp, from?: 'stdout' | 'stderr'): Promise<RegExpExecArray>;
  kill(signal: NodeJS.Signals): void;
  close(): Promise<void>;
}

export interface RunOptions {
  readonly env?: Readonly<Record<string, string>>;
  /** A file that is its standard input; default: there is none. */
  readonly stdin?: string;
}

/** The end-to-end tests run what is built: they fail clearly when nothing is. */
export function requireBuild(): void {
  if (!existsSync(main)) {
    throw new Error(`${main} is missing: run "npm run build" first ("npm test" does it by itself)`);
  }
}

/** Variables of the tester's own shell must not decide what is tested. */
function cleanEnv(): NodeJS.ProcessEnv {
  const entries = Object.entries(process.env).filter(([name]) => !name.startsWith('ROLLCALL_'));
  return Object.fromEntries(entries);
}

/** Starts `rollcall ARGS`. */
export function rollcall(args: readonly string[], options: RunOptions = {}): Running {
  requireBuild();
  return startProcess(process.execPath, [command, ...args], options);
}

export function startProcess(
  program: string,
  args: readonly string[],
  { env = {}, stdin }: RunOptions = {},
): Running {
  const input = stdin === undefined ? undefined : openSync(stdin, 'r');
  const child = spawn(program, args, {
    cwd: top,
    stdio: [input ?? 'ignore', 'pipe', 'pipe'],
    env: { ...cleanEnv(), ...env },
  });
  if (input !== undefined) closeSync(input);
  const { pid, stdout, stderr } = child;
  if (pid === undefined || stdout === null || stderr === null)
    throw new Error(`${program} could not be started`);
  const text = { stdout: collect(stdout), stderr: collect(stderr) };
  const exited = statusAt(child, 'exit');
  const finished = statusAt(child, 'close');
  const close = async (): Promise<void> => {
    child.kill('SIGKILL');
    await exited;
  };
  const written = (): string => `stdout: ${text.stdout()}\nstderr: ${text.stderr()}`;
  return {
    pid,
    get stdout() {
      return text.stdout();
    },
    get stderr() {
      return text.stderr();
    },
    exited,
    finished,
    async says(pattern, from = 'stdout') {
      const missing = (): Error =>
        new Error(`${from} does not match ${String(pattern)}; ${written()}`);
      let over = false;
      void finished.then(() => (over = true));
      const search = (): RegExpExecArray | Error => {
        const ended = over; // looked at first: what was written before the end has been read then
        const found = pattern.exec(text[from]());
        if (found !== null) return found;
        if (ended) return missing();
        throw missing();
      };
      const found = await eventually(search, { timeout: 30_000, interval: 20 });
      if (found instanceof Error) throw found;
      return found;
    },
    kill: signal => void child.kill(signal),
    close,
    [Symbol.asyncDispose]: close,
  };
}

function collect(stream: NodeJS.ReadableStream): () => string {
  let text = '';
  stream.setEncoding('utf8');
  stream.on('data', (chunk: string) => (text += chunk));
  return () => text;
}

function statusAt(child: ChildProcess, event: 'exit' | 'close'): Promise<number> {
  return new Promise(resolve => {
    child.once(event, (code: number | null, signal: NodeJS.Signals | null) =>
      resolve(signal === null ? (code ?? 1) : 128 + constants.signals[signal]),
    );
  });
}

export interface Served {
  readonly daemon: Running;
  readonly url: string;
}

/** Starts a daemon on a free port; it may still be syncing. The caller closes it. */
export async function serve(servers: string, flags: readonly string[] = []): Promise<Served> {
  const daemon = rollcall(['serve', '--zookeeper', servers, '--http', '127.0.0.1:0', ...flags]);
  const [, url = ''] = await daemon.says(/"url":"(https?:\/\/[^"]+)"/);
  return { daemon, url };
}

export interface ServedAlone extends Served {
  /** The connect string of its ZooKeeper. */
  readonly zookeeper: string;
}

const ON_FREE_PORTS = ['--embedded-listen', '127.0.0.1:0', '--http', '127.0.0.1:0'];

/** Starts a daemon with a ZooKeeper of its own, on free ports if nothing else is said. The caller closes it. */
export async function serveEmbedded(flags: readonly string[] = []): Promise<ServedAlone> {
  const ports = flags.includes('--embedded-listen') ? ON_FREE_PORTS.slice(2) : ON_FREE_PORTS;
  const daemon = rollcall(['serve', '--embedded', ...ports, ...flags]);
  const [, url = '', zookeeper = ''] = await daemon.says(
    /"url":"(https?:\/\/[^"]+)","zookeeper":"([^"]+)"/,
  );
  return { daemon, url, zookeeper };
}

/** Asks a daemon, and reads what is needed of its answer. */
export async function ask<T>(url: string, schema: z.ZodType<T>): Promise<T> {
  const response = await fetch(url);
  const body: unknown = await response.json();
  expect(response.status, JSON.stringify(body)).toBe(200);
  return schema.parse(body);
}

const Providers = z.object({ providers: z.array(z.object({ id: z.string() })) });

/** The ids of the providers that are listed by default. */
export async function idsOf(url: string, service: string): Promise<readonly string[]> {
  const { providers } = await ask(`${url}/v1/services/${service}/providers`, Providers);
  return providers.map(({ id }) => id);
}

export async function untilIds(
  url: string,
  service: string,
  ids: readonly string[],
): Promise<void> {
  await expect
    .poll(() => idsOf(url, service).catch(String), { timeout: 30_000, interval: 50 })
    .toEqual(ids);
}
