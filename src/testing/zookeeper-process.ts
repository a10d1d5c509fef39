import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { WaitOptions } from '../kernel/abort.ts';
import { hasCode, RollcallError } from '../kernel/errors.ts';
import { lane } from '../kernel/lane.ts';
import type { ZooKeeperInstallation } from './find-zookeeper.ts';
import { type FourLetterWord, fourLetterWord } from './four-letter-word.ts';
import { type GuardedProcess, guardedProcess } from './guarded-process.ts';
import {
  dataFolder,
  javaArguments,
  LOGBACK_CONFIG,
  renderConfig,
  type ServerPlan,
  type ServerProfile,
} from './zookeeper-config.ts';

export type ServerMode = 'standalone' | 'leader' | 'follower' | 'observer';

/** One real ZooKeeper server. Stopped or killed and started again it has the same port and the same data. */
export interface ZooKeeperServer {
  readonly host: string;
  readonly port: number;
  /** `host:port` */
  readonly address: string;
  /** Where it keeps its snapshots and transaction logs (in `version-2` below). */
  readonly dataFolder: string;
  /** Of the Java process; undefined while the server is down. */
  readonly pid: number | undefined;
  readonly running: boolean;
  /** Starts the process and waits until it serves clients (in an ensemble: until there is a quorum). Nothing to do when it runs. */
  start(options?: WaitOptions): Promise<void>;
  /** SIGTERM; resolves when the process has ended. Nothing is told to clients: their connections break. */
  stop(): Promise<void>;
  /** SIGKILL; resolves when the process has ended. */
  kill(): Promise<void>;
  /** SIGSTOP: connections stay open, the kernel still accepts new ones, and nothing answers. */
  freeze(): void;
  /** SIGCONT. */
  thaw(): void;
  /** The answer to a four-letter word. @throws RollcallError TIMEOUT, CONNECTION_LOSS. */
  ask(word: FourLetterWord): Promise<string>;
  /** Its part in the ensemble; undefined while it does not serve. */
  mode(): Promise<ServerMode | undefined>;
  /** What the process printed so far: warnings and errors. */
  log(): Promise<string>;
}

export interface ProcessOptions {
  readonly installation: ZooKeeperInstallation;
  readonly plan: ServerPlan;
  readonly env: Readonly<Record<string, string>>;
  readonly properties: Readonly<Record<string, string>>;
  readonly profile: ServerProfile;
  readonly keepAlive: boolean;
  readonly readyTimeoutMs: number;
}

/** A server that is begun but perhaps not ready: an ensemble's servers must be launched before any of them can serve. */
export interface LaunchableServer extends ZooKeeperServer {
  launch(): Promise<void>;
  ready(options?: WaitOptions): Promise<void>;
}

/** Writes the server's files; starts nothing. */
export async function zooKeeperProcess(options: ProcessOptions): Promise<LaunchableServer> {
  const { plan } = options;
  const { client: port } = plan.ports;
  const files = {
    config: join(plan.folder, 'zoo.cfg'),
    logback: join(plan.folder, 'logback.xml'),
    log: join(plan.folder, 'server.log'),
  };
  await mkdir(dataFolder(plan), { recursive: true });
  await writeFile(files.config, renderConfig(plan));
  await writeFile(files.logback, LOGBACK_CONFIG);
  await writeFile(join(dataFolder(plan), 'myid'), `${plan.id}\n`);
  const inTurn = lane();
  let process_: GuardedProcess | undefined;

  const log = async (): Promise<string> => readFile(files.log, 'utf8').catch(() => '');
  const isRunning = (): boolean => process_?.running === true;

  const launch = async (): Promise<void> => {
    if (isRunning()) return;
    const { installation, env, properties, profile, keepAlive } = options;
    const args = javaArguments(installation, files, properties, profile);
    process_ = await guardedProcess({
      command: installation.java,
      args,
      folder: plan.folder,
      logFile: files.log,
      env,
      keepAlive,
    });
  };

  const ready = async ({ signal }: WaitOptions = {}): Promise<void> => {
    const deadline = Date.now() + options.readyTimeoutMs;
    for (;;) {
      signal?.throwIfAborted();
      if (!isRunning()) throw await failure(`the server on port ${port} ended while starting`, log);
      if (await serves(port, plan.folder)) return;
      if (Date.now() > deadline)
        throw await failure(
          `the server on port ${port} was not ready after ${options.readyTimeoutMs} ms`,
          log,
        );
      await sleep(20);
    }
  };

  const end = async (name: 'SIGTERM' | 'SIGKILL'): Promise<void> => {
    const ending = process_;
    if (ending === undefined || !ending.running) return;
    ending.signal(name);
    ending.signal('SIGCONT'); // a frozen process would keep SIGTERM for later
    const killer = setTimeout(() => ending.signal('SIGKILL'), 5_000);
    await ending.exited;
    clearTimeout(killer);
  };

  return {
    host: '127.0.0.1',
    port,
    address: `127.0.0.1:${port}`,
    dataFolder: dataFolder(plan),
    get pid() {
      return isRunning() ? process_?.pid : undefined;
    },
    get running() {
      return isRunning();
    },
    launch: () => inTurn(launch),
    ready,
    start: async waiting => {
      await inTurn(launch);
      await ready(waiting);
    },
    stop: () => inTurn(() => end('SIGTERM')),
    kill: () => inTurn(() => end('SIGKILL')),
    freeze: () => process_?.signal('SIGSTOP'),
    thaw: () => process_?.signal('SIGCONT'),
    ask: word => fourLetterWord(port, word),
    mode: () => modeOf(port),
    log,
  };
}

/** Whether *this* server serves: on a port clash somebody else's may answer, which `conf` gives away by its data folder. */
async function serves(port: number, folder: string): Promise<boolean> {
  if ((await modeOf(port)) === undefined) return false;
  const conf = await askOrNothing(port, 'conf');
  return conf.includes(folder);
}

async function modeOf(port: number): Promise<ServerMode | undefined> {
  const mode = /^Mode: (\w+)/m.exec(await askOrNothing(port, 'srvr'))?.[1];
  return mode === 'standalone' || mode === 'leader' || mode === 'follower' || mode === 'observer'
    ? mode
    : undefined;
}

/** A probe in the start-up window may be accepted and never answered: it gets a short deadline of its own. */
async function askOrNothing(port: number, word: FourLetterWord): Promise<string> {
  try {
    return await fourLetterWord(port, word, 500);
  } catch (error) {
    if (hasCode(error, 'TIMEOUT', 'CONNECTION_LOSS')) return '';
    throw error;
  }
}

async function failure(text: string, log: () => Promise<string>): Promise<RollcallError> {
  const lastLines = (await log()).split('\n').slice(-20).join('\n').trim();
  return new RollcallError(
    'ZOOKEEPER_UNAVAILABLE',
    lastLines === '' ? text : `${text}; it said:\n${lastLines}`,
  );
}
