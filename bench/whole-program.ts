import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

/** What a person gets who types `npm start`, once it is built. */
export interface WholeProgram {
  /** From the start of its process until /readyz says 200. */
  readonly readyMs: number;
  /** Of the daemon and its embedded server, five seconds later, with nothing to do. */
  readonly idleMb: number;
}

const IDLE_AFTER_MS = 5_000;

const top = fileURLToPath(new URL('../..', import.meta.url)); // this file runs from .build/bench

/** Runs `rollcall dev` once, as `npm start` does, on ports of its own. */
export async function wholeProgram(): Promise<WholeProgram> {
  const flags = ['--http', '127.0.0.1:0', '--embedded-listen', '127.0.0.1:0'];
  const beganMs = performance.now();
  const child = spawn(process.execPath, ['dist/cli/main.js', 'dev', ...flags], {
    cwd: top,
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  const gone = once(child, 'exit');
  try {
    const url = await daemonUrl(createInterface({ input: child.stderr }));
    while ((await fetch(`${url}/readyz`)).status !== 200);
    const readyMs = performance.now() - beganMs;
    await new Promise(resolve => setTimeout(resolve, IDLE_AFTER_MS));
    const rss = execFileSync('ps', ['-o', 'rss=', '-p', String(child.pid)], { encoding: 'utf8' });
    return { readyMs, idleMb: Number(rss) / 1024 };
  } finally {
    child.kill();
    await gone;
  }
}

export function buildProgram(): void {
  execFileSync('npm', ['run', '-s', 'build'], { cwd: top });
}

async function daemonUrl(lines: AsyncIterable<string>): Promise<string> {
  for await (const line of lines) {
    const found = /^rollcall: the daemon is at (\S+),/.exec(line);
    if (found?.[1] !== undefined) return found[1];
    process.stderr.write(`${line}\n`);
  }
  throw new Error('the daemon did not start');
}
