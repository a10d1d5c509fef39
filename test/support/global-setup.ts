import type { TestProject } from 'vitest/node';
import { startZooKeeper } from '../../src/testing/index.ts';
import { startEmbeddedProcess } from './embedded-process.ts';
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
  if (onEmbedded) {
    const { connectString, kill } = await startEmbeddedProcess();
    process.stdout.write(`The embedded server on ${connectString}\n`);
    return { connectString, close: kill };
  }
  const zookeeper = await startZooKeeper();
  process.stdout.write(`ZooKeeper ${zookeeper.version} on ${zookeeper.connectString}\n`);
  return zookeeper;
}

export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  globalThis.rollcallTestZooKeeper ??= start();
  const server = await globalThis.rollcallTestZooKeeper;
  project.provide('zookeeper', server.connectString);
  return () => server.close();
}
