import type { TestProject } from 'vitest/node';
import { startZooKeeper, type ZooKeeper } from '../../src/testing/index.ts';

declare module 'vitest' {
  interface ProvidedContext {
    /** `host:port` of the ZooKeeper that all test files share. */
    readonly zookeeper: string;
  }
}

declare global {
  /** Every project loads this module anew, in the one main process: they share the server through this. */
  var rollcallTestZooKeeper: Promise<ZooKeeper> | undefined;
}

/** The version is printed once: a test report says what it was made with. */
async function start(): Promise<ZooKeeper> {
  const zookeeper = await startZooKeeper();
  process.stdout.write(`ZooKeeper ${zookeeper.version} on ${zookeeper.connectString}\n`);
  return zookeeper;
}

export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  globalThis.rollcallTestZooKeeper ??= start();
  const zookeeper = await globalThis.rollcallTestZooKeeper;
  project.provide('zookeeper', zookeeper.connectString);
  return () => zookeeper.close();
}
