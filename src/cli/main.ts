#!/usr/bin/env node
/** The one file that touches the process: its arguments, its streams, its signals, its end. */
import { readFileSync } from 'node:fs';
import { systemClock } from '../kernel/clock.ts';
import { errorText } from '../kernel/errors.ts';
import { systemRandom } from '../kernel/random.ts';
import { run } from './run.ts';
import { withoutEcho } from './signal-echo.ts';
import type { StopSignal, Terminal } from './terminal.ts';

const SIGNALS: readonly StopSignal[] = ['SIGTERM', 'SIGINT', 'SIGHUP'];

function packageVersion(): string {
  const text = readFileSync(new URL('../../package.json', import.meta.url), 'utf8');
  const found: unknown = JSON.parse(text);
  const named = typeof found === 'object' && found !== null && 'version' in found;
  return named ? String(found.version) : 'unknown';
}

let reportFatal = (error: unknown): void => {
  process.stderr.write(`rollcall: ${errorText(error)}\n`);
};

/** Nobody is there to say what the program's state is now: it says what happened and ends, rather than live on by halves. */
function fatal(error: unknown): void {
  try {
    reportFatal(error);
  } finally {
    process.exit(1);
  }
}

/** Whether what goes to standard output is of use only when it is whole. */
let isWhole = false;

/** `rollcall services | head` is no failure; half an export is one. */
function onStreamError(error: NodeJS.ErrnoException): void {
  if (error.code === 'EPIPE' && !isWhole) process.exit(0);
  fatal(error);
}

const terminal: Terminal = {
  env: process.env,
  version: packageVersion(),
  clock: systemClock,
  random: systemRandom,
  interactive: process.stdout.isTTY,
  keyboard: process.stdin.isTTY,
  print: text => void process.stdout.write(`${text}\n`),
  complain: text => void process.stderr.write(`${text}\n`),
  write: text =>
    new Promise(resolve => {
      isWhole = true;
      process.stdout.write(text, () => resolve()); // a failure is told to onStreamError
    }),
  input: () => process.stdin,
  onSignal(listener) {
    const heard = withoutEcho(systemClock.nowMs, listener);
    for (const signal of SIGNALS) process.on(signal, heard);
    return () => {
      for (const signal of SIGNALS) process.off(signal, heard);
    };
  },
  exitNow: code => process.exit(code),
  onFatal: report => (reportFatal = report),
};

process.on('unhandledRejection', fatal);
process.on('uncaughtException', fatal);
process.stdout.on('error', onStreamError);
process.stderr.on('error', () => undefined);

// an open handle (a keep-alive socket) must not keep a finished command: what is written is out first
const status = await run(process.argv.slice(2), terminal);
process.exitCode = status;
process.stdout.write('', () => process.exit(status));
