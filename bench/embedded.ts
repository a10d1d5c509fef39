/**
 * The embedded server beside a real ZooKeeper: creates and reads per second, how soon a watcher hears, and memory. Like for like:
 * both on disk before they answer (`O_DSYNC` here on Linux, `fdatasync` elsewhere, `fsync` there), and the embedded one in memory only
 * too. Each server is a process of its own that lives through all rounds, the load comes from another, by the same client; the servers
 * take turns, each first as often as another, after rounds that are not counted. And the whole program, `rollcall dev`: how soon it is
 * ready, and what it takes when it has nothing to do.
 */
import { type ChildProcess, execFileSync, fork } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { releasers } from '../src/kernel/releasers.ts';
import { startZooKeeper } from '../src/testing/index.ts';
import { median, report } from './figures.ts';
import type { LoadMessage, ServerMessage } from './roles/messages.ts';
import { buildProgram, type WholeProgram, wholeProgram } from './whole-program.ts';

const ROUNDS = Number(process.env['BENCH_ROUNDS'] ?? 5);
/** A JVM compiles what it runs often: it is given the time to. */
const WARM_UP_ROUNDS = 2;
const STARTS = 10;
const PROGRAM_STARTS = 5;

/** A server on trial, and what was measured of it. */
interface Contender {
  readonly name: string;
  readonly connectString: string;
  readonly pid: number;
  readonly runs: (LoadMessage & { readonly rssMb: number })[];
}

const opened = releasers();

const role = (name: string, args: readonly string[]): ChildProcess =>
  fork(fileURLToPath(new URL(`./roles/${name}.js`, import.meta.url)), args);

function firstMessage<T>(child: ChildProcess): Promise<T> {
  return new Promise((resolve, reject) => {
    child.once('message', message => resolve(message as T));
    child.once('exit', code => reject(new Error(`a process ended with ${String(code)}`)));
  });
}

function gone(child: ChildProcess): Promise<void> {
  return new Promise(resolve => {
    child.once('exit', () => resolve());
    if (child.connected) child.disconnect();
  });
}

async function embedded(name: string, dataDir = ''): Promise<Contender> {
  const child = role('embedded-server', [dataDir]);
  opened.push(() => gone(child));
  const { connectString } = await firstMessage<ServerMessage>(child);
  return { name, connectString, pid: child.pid ?? 0, runs: [] };
}

/** As ZooKeeper comes, with its log made longer by 64 MiB at a time. */
async function real(): Promise<Contender & { readonly tookMs: number }> {
  const beganMs = performance.now();
  const zooKeeper = await startZooKeeper({
    tickTimeMs: 2_000,
    profile: 'production',
    properties: { 'zookeeper.preAllocSize': '65536' },
  });
  opened.push(() => zooKeeper.close());
  const tookMs = performance.now() - beganMs;
  const { connectString, servers } = zooKeeper;
  return { name: 'real', connectString, pid: servers[0]?.pid ?? 0, runs: [], tookMs };
}

const rssMb = (pid: number): number =>
  Number(execFileSync('ps', ['-o', 'rss=', '-p', String(pid)], { encoding: 'utf8' })) / 1024;

async function run(contender: Contender, counted: boolean): Promise<void> {
  const child = role('server-load', [contender.connectString, '/bench']);
  const measured = { ...(await firstMessage<LoadMessage>(child)), rssMb: rssMb(contender.pid) };
  child.removeAllListeners('exit');
  const ended = new Promise(resolve => child.once('exit', resolve));
  child.send('clean');
  await ended;
  if (counted) contender.runs.push(measured);
  const [creates, reads] = [measured.createsPerS, measured.readsPerS].map(Math.round);
  process.stdout.write(
    `${contender.name}${counted ? '' : ' (warm-up)'}: ${creates} creates/s, ${reads} reads/s, ` +
      `watch ${measured.watchMs.toFixed(2)} ms, ${Math.round(measured.rssMb)} MB\n`,
  );
}

/** From the call to a server that serves, in a process that has just started. */
async function starts(): Promise<readonly number[]> {
  const took: number[] = [];
  for (let start = 0; start < STARTS; start += 1) {
    const child = role('embedded-server', []);
    took.push((await firstMessage<ServerMessage>(child)).tookMs);
    await gone(child);
  }
  return took;
}

async function programs(): Promise<readonly WholeProgram[]> {
  buildProgram();
  const seen: WholeProgram[] = [];
  for (let start = 0; start < PROGRAM_STARTS; start += 1) seen.push(await wholeProgram());
  return seen;
}

try {
  const startMs = median(await starts());
  const whole = await programs();
  const readyMs = median(whole.map(each => each.readyMs));
  const idleMb = Math.max(...whole.map(each => each.idleMb));
  const dataDir = await mkdtemp(join(tmpdir(), 'rollcall-bench-'));
  opened.push(() => rm(dataDir, { recursive: true, force: true }));
  const anchor = await real();
  const disk = await embedded('embedded, on disk', dataDir);
  const memory = await embedded('embedded, in memory');
  for (let round = 0; round < WARM_UP_ROUNDS; round += 1) await run(anchor, false);
  const contenders = [anchor, disk, memory];
  for (const contender of [disk, memory]) await run(contender, false);
  for (let round = 0; round < ROUNDS; round += 1) {
    for (const contender of contenders) await run(contender, true);
    contenders.push(...contenders.splice(0, 1));
  }
  const of = (contender: Contender, what: keyof Contender['runs'][number]): number =>
    median(contender.runs.map(each => each[what]));
  const row = (
    text: string,
    ours: Contender,
    what: keyof Contender['runs'][number],
    unit: string,
  ) => ({ what: text, ours: of(ours, what), anchor: of(anchor, what), unit });
  const least = (factor: number, fact: ReturnType<typeof row>) => ({
    ...fact,
    must: `≥ ${factor} × the real one`,
    holds: fact.ours >= factor * fact.anchor,
  });
  const most = (factor: number, fact: ReturnType<typeof row>) => ({
    ...fact,
    must: `≤ ${factor} × the real one`,
    holds: fact.ours <= factor * fact.anchor,
  });
  const held = report(`embedded, beside a real ZooKeeper, median of ${ROUNDS}`, [
    least(2, row('on disk: create, 64 in flight', disk, 'createsPerS', 'ops/s')),
    least(2, row('on disk: getData, 64 in flight', disk, 'readsPerS', 'ops/s')),
    most(1.1, row('on disk: setData until the watcher hears, p50', disk, 'watchMs', 'ms')),
    most(0.5, row('on disk: resident memory after the load', disk, 'rssMb', 'MB')),
    row('in memory: create, 64 in flight', memory, 'createsPerS', 'ops/s'),
    row('in memory: getData, 64 in flight', memory, 'readsPerS', 'ops/s'),
    most(0.5, row('in memory: setData until the watcher hears, p50', memory, 'watchMs', 'ms')),
    row('in memory: resident memory after the load', memory, 'rssMb', 'MB'),
    {
      what: `from \`startEmbedded()\` until it serves, in memory, median of ${STARTS} new processes`,
      ours: startMs,
      anchor: anchor.tookMs,
      unit: 'ms',
      must: '≤ 50 ms',
      holds: startMs <= 50,
    },
    {
      what: `\`rollcall dev\`, from its start until it is ready, median of ${PROGRAM_STARTS}`,
      ours: readyMs,
      anchor: undefined,
      unit: 'ms',
      must: '≤ 3 s',
      holds: readyMs <= 3_000,
    },
    {
      what: `\`rollcall dev\`, resident memory when idle, the most of ${PROGRAM_STARTS}`,
      ours: idleMb,
      anchor: undefined,
      unit: 'MB',
      must: '≤ 120 MB',
      holds: idleMb <= 120,
    },
  ]);
  process.exitCode = held ? 0 : 1;
} finally {
  await opened.release();
}
