/**
 * How soon a join, a leave and a death are visible: in our aggregator's feed and over REST, beside a bare node-zookeeper-client
 * watcher (child watch, list again, read what is new). Every observer is a process of its own; ours and the bare one watch in turn,
 * so that neither waits for the other's work on a machine of few cores.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { deferred } from '../src/kernel/abort.ts';
import { systemClock } from '../src/kernel/clock.ts';
import { layout } from '../src/registry/index.ts';
import { startZooKeeper, type ZooKeeper } from '../src/testing/index.ts';
import { openSession, type Session } from '../src/zookeeper/index.ts';
import { quantile, report, type Row, wallNowMs } from './figures.ts';
import { providerBytes, registerLoad, serviceName } from './load.ts';
import type { ObserverMessage, ProviderMessage } from './roles/messages.ts';
import { sessionEnds } from './txn-log.ts';

const SAMPLES = Number(process.env['BENCH_SAMPLES'] ?? 200);
const KILLS = Number(process.env['BENCH_KILLS'] ?? 20);
const SIZES = (process.env['BENCH_SIZES'] ?? '100,10000').split(',').map(Number);

type Observer = 'ours' | 'bare' | 'rest';

/** Ours and the bare watcher take turns, this often. */
const ROUNDS = 2;

const role = (name: string, args: readonly string[]): ChildProcess =>
  fork(fileURLToPath(new URL(`./roles/${name}.js`, import.meta.url)), args);

/** Collects who saw what, when. */
class Sightings {
  readonly #waiting = new Map<string, (atMs: number) => void>();
  readonly #seen = new Map<string, number>();

  note(by: string, id: string, present: boolean, atMs: number): void {
    const key = `${by} ${id} ${present}`;
    this.#seen.set(key, atMs);
    this.#waiting.get(key)?.(atMs);
    this.#waiting.delete(key);
  }

  of(by: string, id: string, present: boolean): Promise<number> {
    const key = `${by} ${id} ${present}`;
    const already = this.#seen.get(key);
    if (already !== undefined) return Promise.resolve(already);
    const { promise, resolve } = deferred<number>();
    this.#waiting.set(key, resolve);
    return promise;
  }
}

async function startObserver(
  by: Observer,
  child: ChildProcess,
  sightings: Sightings,
): Promise<string> {
  const ready = deferred<string>();
  child.on('message', (message: ObserverMessage) => {
    if (message.kind === 'ready') ready.resolve(message.url ?? '');
    else sightings.note(by, message.id, message.present, message.atMs);
  });
  child.once('exit', code =>
    ready.reject(new Error(`the ${by} observer ended with ${String(code)}`)),
  );
  return ready.promise;
}

interface Latencies {
  readonly join: Record<Observer, number[]>;
  readonly leave: Record<Observer, number[]>;
  readonly death: Record<Observer, number[]>;
}

/** Where one turn's changes happen, and who watches. */
interface Turn {
  readonly zooKeeper: ZooKeeper;
  readonly directory: string;
  readonly observers: readonly Observer[];
  readonly sightings: Sightings;
  readonly into: Latencies;
  /** Makes the ids of this turn its own. */
  readonly first: number;
}

const nobody = (): Record<Observer, number[]> => ({ ours: [], bare: [], rest: [] });

/** Longer than the feed's coalescing window: every change is measured alone, on the leading edge. */
const QUIET_MS = 70;

async function joinsAndLeaves(session: Session, turn: Turn): Promise<void> {
  const { directory, observers, sightings, into, first } = turn;
  const service = serviceName(0);
  for (let sample = 0; sample < SAMPLES / ROUNDS; sample += 1) {
    const index = 1_000_000 + first + sample;
    const id = `${service}-${index}`;
    await systemClock.sleep(QUIET_MS);
    const joinedAtMs = wallNowMs();
    const created = await session.create(
      `${directory}/bench-joined-`,
      providerBytes(service, index),
      {
        mode: 'ephemeral-sequential',
      },
    );
    for (const by of observers) into.join[by].push((await sightings.of(by, id, true)) - joinedAtMs);
    await systemClock.sleep(QUIET_MS);
    const leftAtMs = wallNowMs();
    await session.remove(created.path, -1);
    for (const by of observers) into.leave[by].push((await sightings.of(by, id, false)) - leftAtMs);
  }
}

async function deaths(turn: Turn): Promise<void> {
  const { zooKeeper, observers, sightings, into, first } = turn;
  const killed = new Map<string, bigint>();
  for (let kill = 0; kill < KILLS / ROUNDS; kill += 1) {
    const id = `victim-${first + kill}`;
    const announced = deferred<ProviderMessage>();
    const child = role('provider', [zooKeeper.connectString, '/rollcall', serviceName(0), id]);
    child.once('message', (message: ProviderMessage) => announced.resolve(message));
    killed.set(id, BigInt((await announced.promise).sessionId));
    for (const by of observers) await sightings.of(by, id, true);
    await systemClock.sleep(QUIET_MS);
    child.kill('SIGKILL');
    for (const by of observers) await sightings.of(by, id, false);
  }
  const ends = await sessionEnds(zooKeeper.servers[0]?.dataFolder ?? '');
  for (const [id, sessionId] of killed) {
    const endedAtMs = ends.get(sessionId);
    if (endedAtMs === undefined) {
      throw new Error(`ZooKeeper's log does not tell when the session of ${id} ended`);
    }
    for (const by of observers)
      into.death[by].push((await sightings.of(by, id, false)) - endedAtMs);
  }
}

/** Starts the observers of a turn; resolves with what ends them. */
async function watchers(size: number, turn: Turn): Promise<() => void> {
  const { zooKeeper, directory, observers, sightings } = turn;
  const servers = zooKeeper.connectString;
  const children: ChildProcess[] = [];
  const begin = (by: Observer, name: string, args: readonly string[]): Promise<string> => {
    const child = role(name, args);
    children.push(child);
    return startObserver(by, child, sightings);
  };
  if (observers.includes('bare')) await begin('bare', 'bare-observer', [servers, directory]);
  else {
    const url = await begin('ours', 'ours-observer', [servers, '/rollcall', serviceName(0)]);
    await begin('rest', 'rest-observer', [url, serviceName(0), size > 1000 ? 'sse' : 'poll']);
  }
  return () => {
    for (const child of children) {
      child.removeAllListeners('exit');
      child.disconnect();
    }
  };
}

async function measure(size: number): Promise<Latencies> {
  await using zooKeeper = await startZooKeeper({ tickTimeMs: 200, profile: 'production' });
  const servers = zooKeeper.connectString;
  const load = { root: '/rollcall', services: 1, perService: size };
  const sessions = await registerLoad(servers, load);
  const directory = layout().providers(serviceName(0));
  const into: Latencies = { join: nobody(), leave: nobody(), death: nobody() };
  const writer = await openSession({ servers, timeoutMs: 10_000 });
  await writer.connected();
  for (let round = 0; round < ROUNDS; round += 1) {
    for (const observers of [['ours', 'rest'], ['bare']] as const) {
      const first = (2 * round + (observers.length - 1)) * 10_000;
      const sightings = new Sightings();
      const turn = { zooKeeper, directory, observers, sightings, into, first };
      const end = await watchers(size, turn);
      await joinsAndLeaves(writer, turn);
      await deaths(turn);
      end();
    }
  }
  await Promise.all([writer, ...sessions].map(session => session.close()));
  return into;
}

function rows(size: number, found: Latencies): Row[] {
  const bound = size > 1000 ? 0.5 : 1.2;
  return (['join', 'leave', 'death'] as const).flatMap(what => {
    const own = found[what].ours;
    const [ours, bare, rest] = [
      quantile(own, 0.5),
      quantile(found[what].bare, 0.5),
      quantile(found[what].rest, 0.5),
    ];
    const limit = what === 'death' ? 10 : 5;
    return [
      {
        what: `${what}, ${size}: view p50`,
        ours,
        anchor: bare,
        unit: 'ms',
        must: `≤ ${bound} × the bare watcher`,
        holds: ours <= bound * bare,
      },
      {
        what: `${what}, ${size}: view p99`,
        ours: quantile(own, 0.99),
        anchor: quantile(found[what].bare, 0.99),
        unit: 'ms',
      },
      {
        what: `${what}, ${size}: ${size > 1000 ? 'SSE' : 'REST'} p50`,
        ours: rest,
        anchor: bare,
        unit: 'ms',
        must: `≤ ${limit} ms`,
        holds: rest <= limit,
      },
    ];
  });
}

const all: Row[] = [];
for (const size of SIZES) all.push(...rows(size, await measure(size)));
const held = report(
  "visible: from the write (of a death: from ZooKeeper's own expiry) until it is seen",
  all,
);
process.exitCode = held ? 0 : 1;
