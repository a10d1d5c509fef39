import type { TestProject } from 'vitest/node';
import { startEmbedded, startZooKeeper } from '../../src/testing/index.ts';
import { onEmbedded } from './which-server.ts';

declare module 'vitest' {
  interface ProvidedContext {
    /** `host:port` of the ZooKeeper that all test files share. */
    readonly zookeeper: string;
  }
}

interface SharedServer {
  readonly connectString: string;
  close(): Promise<void>;
}

declare global {
  /** Every project loads this module anew, in the one main process: they share the server through this. */
  var rollcallTestZooKeeper: Promise<SharedServer> | undefined;
}

/** What it is is printed once: a test report says what it was made with. */
async function start(): Promise<SharedServer> {
  const server = onEmbedded ? await startEmbedded() : await startZooKeeper();
  const name = 'version' in server ? `ZooKeeper ${server.version}` : 'The embedded server';
  process.stdout.write(`${name} on ${server.connectString}\n`);
  return server;
}

export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  globalThis.rollcallTestZooKeeper ??= start();
  const server = await globalThis.rollcallTestZooKeeper;
  project.provide('zookeeper', server.connectString);
  return () => server.close();
}
