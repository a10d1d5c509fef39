/**
 * How soon a join, a leave and a death are visible: in our aggregator's feed and over REST, beside a bare node-zookeeper-client
 * watcher (child watch, list again, read what is new). Every observer is a process of its own; ours and the bare one watch in turn,
 * so that neither waits for the other's work on a machine of few cores. Neither is measured on a server or in a process that has
 * just started: the server is warmed up first, and the first changes of each turn are not counted.
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

/** Who watches, turn after turn. Each goes first as often as last: a server gets quicker as it runs, a machine slower. */
const OURS: readonly Observer[] = ['ours', 'rest'];
const BARE: readonly Observer[] = ['bare'];
const TURNS = [OURS, BARE, BARE, OURS];
const TURNS_EACH = TURNS.length / 2;

/** Changes that nobody measures: the server's code is compiled as it is used, and so are the observers'. */
const SERVER_WARM_UP = 500;
const TURN_WARM_UP = 20;
/** Before them, in quick succession: an observer runs for days, and is measured as one that has. */
const QUICK_WARM_UP = 400;

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
  /** Until whoever made the change was told that it is made: nobody else can know of it much earlier. */
  readonly written: { readonly join: number[]; readonly leave: number[] };
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

const join = (session: Session, directory: string, index: number): Promise<{ path: string }> =>
  session.create(`${directory}/bench-joined-`, providerBytes(serviceName(0), index), {
    mode: 'ephemeral-sequential',
  });

async function warmUp(session: Session, directory: string, changes: number): Promise<void> {
  for (let change = 0; change < changes; change += 2) {
    const { path } = await join(session, directory, 900_000 + change);
    await session.remove(path, -1);
  }
}

/** How long after `sinceMs` each observer of the turn saw it, in their order. */
function latencies(
  { observers, sightings }: Turn,
  id: string,
  present: boolean,
  sinceMs: number,
): Promise<readonly number[]> {
  return Promise.all(observers.map(async by => (await sightings.of(by, id, present)) - sinceMs));
}

async function joinsAndLeaves(session: Session, turn: Turn): Promise<void> {
  const { directory, observers, into, first } = turn;
  await warmUp(session, directory, QUICK_WARM_UP);
  for (let sample = -TURN_WARM_UP / 2; sample < SAMPLES / TURNS_EACH; sample += 1) {
    const index = 1_000_000 + first + TURN_WARM_UP + sample;
    const id = `${serviceName(0)}-${index}`;
    await systemClock.sleep(QUIET_MS);
    const joinedAtMs = wallNowMs();
    const { path } = await join(session, directory, index);
    const joinWrittenMs = wallNowMs() - joinedAtMs;
    const joined = await latencies(turn, id, true, joinedAtMs);
    await systemClock.sleep(QUIET_MS);
    const leftAtMs = wallNowMs();
    await session.remove(path, -1);
    const leaveWrittenMs = wallNowMs() - leftAtMs;
    const left = await latencies(turn, id, false, leftAtMs);
    if (sample < 0) continue;
    into.written.join.push(joinWrittenMs);
    into.written.leave.push(leaveWrittenMs);
    observers.forEach((by, at) => {
      into.join[by].push(joined[at] ?? Number.NaN);
      into.leave[by].push(left[at] ?? Number.NaN);
    });
  }
}

async function deaths(turn: Turn): Promise<void> {
  const { zooKeeper, observers, sightings, into, first } = turn;
  const killed = new Map<string, bigint>();
  for (let kill = 0; kill < KILLS / TURNS_EACH; kill += 1) {
    const id = `victim-${first + kill}`;
    const announced = deferred<ProviderMessage>();
    const child = role('provider', [zooKeeper.connectString, '/rollcall', serviceName(0), id]);
    child.once('message', (message: ProviderMessage) => announced.resolve(message));
    child.once('exit', code =>
      announced.reject(new Error(`${id} ended with ${String(code)} before it was announced`)),
    );
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
  const written = { join: [], leave: [] };
  const into: Latencies = { written, join: nobody(), leave: nobody(), death: nobody() };
  const writer = await openSession({ servers, timeoutMs: 10_000 });
  await writer.connected();
  await warmUp(writer, directory, SERVER_WARM_UP);
  for (const [at, observers] of TURNS.entries()) {
    const turn = {
      zooKeeper,
      directory,
      observers,
      sightings: new Sightings(),
      into,
      first: at * 10_000,
    };
    const end = await watchers(size, turn);
    await joinsAndLeaves(writer, turn);
    await deaths(turn);
    end();
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
    const written: Row[] =
      what === 'death'
        ? []
        : [
            {
              what: `${what}, ${size}: the write's own answer p50`,
              ours: quantile(found.written[what], 0.5),
              anchor: bare,
              unit: 'ms',
            },
          ];
    return [
      ...written,
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
