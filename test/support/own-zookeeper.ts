import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'vitest';
import { fourLetterWord, type FourLetterWord, startZooKeeper } from '../../src/testing/index.ts';
import { startEmbeddedProcess } from './embedded-process.ts';
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

/** Containers and TTL nodes are looked through every 100 ms. */
export function ownZooKeeper(): Promise<OwnZooKeeper> {
  return onEmbedded ? embedded() : real();
}

/**
 * A test that only a real ZooKeeper can pass: the reason stands here, so that what the embedded server is not measured by can be
 * read off the suite.
 */
export function realOnly(_reason: string): typeof test.skip {
  return onEmbedded ? test.skip : test;
}

async function real(): Promise<OwnZooKeeper> {
  const zookeeper = await startZooKeeper({
    properties: { 'znode.container.checkIntervalMs': '100' },
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

async function embedded(): Promise<OwnZooKeeper> {
  const dataDir = await mkdtemp(join(tmpdir(), 'rollcall-embedded-'));
  let server = await startEmbeddedProcess({ dataDir });
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
      server = await startEmbeddedProcess({ dataDir, port });
    },
    freeze: () => server.signal('SIGSTOP'),
    thaw: () => server.signal('SIGCONT'),
    close,
    [Symbol.asyncDispose]: close,
  };
}
