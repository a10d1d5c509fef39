import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'vitest';
import { fourLetterWord, type FourLetterWord, startZooKeeper } from '../../src/testing/index.ts';
import { startEmbeddedProcess } from './embedded-process.ts';
import { notRun, type SometimesTest } from './not-run.ts';
import { onEmbedded } from './which-server.ts';

/** A server that a test has for itself, a real one or an embedded one. */
export interface OwnZooKeeper extends AsyncDisposable {
  readonly connectString: string;
  ask(word: FourLetterWord): Promise<string>;
  /** Ends it without a word to its clients. Its port and its data stay. */
  kill(): Promise<void>;
  start(): Promise<void>;
  /** Connections stay open, new ones are accepted, and nothing answers. */
  freeze(): void;
  thaw(): void;
  close(): Promise<void>;
}

export interface OwnLimits {
  /** `jute.maxbuffer` */
  readonly maxBufferBytes?: number;
  readonly minSessionTimeoutMs?: number;
}

/** Containers and TTL nodes are looked through every 100 ms. */
export function ownZooKeeper(limits: OwnLimits = {}): Promise<OwnZooKeeper> {
  return onEmbedded ? embedded(limits) : real(limits);
}

/**
 * A test that only a real ZooKeeper can pass: the reason stands here, so that what the embedded server is not measured by can be
 * read off the suite.
 */
export function realOnly(reason: string): SometimesTest {
  return onEmbedded ? notRun(reason) : test;
}

async function real(limits: OwnLimits): Promise<OwnZooKeeper> {
  const { maxBufferBytes, minSessionTimeoutMs } = limits;
  const zookeeper = await startZooKeeper({
    config:
      minSessionTimeoutMs === undefined ? {} : { minSessionTimeout: String(minSessionTimeoutMs) },
    properties: {
      'znode.container.checkIntervalMs': '100',
      ...(maxBufferBytes === undefined ? {} : { 'jute.maxbuffer': String(maxBufferBytes) }),
    },
  });
  const [server] = zookeeper.servers;
  if (server === undefined) throw new Error('no server');
  return {
    connectString: zookeeper.connectString,
    ask: server.ask,
    kill: server.kill,
    start: server.start,
    freeze: server.freeze,
    thaw: server.thaw,
    close: zookeeper.close,
    [Symbol.asyncDispose]: zookeeper.close,
  };
}

async function embedded(limits: OwnLimits): Promise<OwnZooKeeper> {
  const dataDir = await mkdtemp(join(tmpdir(), 'rollcall-embedded-'));
  let server = await startEmbeddedProcess({ ...limits, dataDir });
  const { port, connectString } = server;
  const close = async (): Promise<void> => {
    await server.kill();
    await rm(dataDir, { recursive: true, force: true });
  };
  return {
    connectString,
    ask: word => fourLetterWord(port, word),
    kill: () => server.kill(),
    async start() {
      server = await startEmbeddedProcess({ ...limits, dataDir, listen: { port } });
    },
    freeze: () => server.signal('SIGSTOP'),
    thaw: () => server.signal('SIGCONT'),
    close,
    [Symbol.asyncDispose]: close,
  };
}
