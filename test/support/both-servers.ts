import { afterAll, beforeAll, expect } from 'vitest';
import {
  type EmbeddedServer,
  startEmbedded,
  startZooKeeper,
  type ZooKeeper,
} from '../../src/testing/index.ts';
import { createNode } from './zookeeper.ts';

/** Two servers of a test file: a real ZooKeeper, and the embedded one that is measured by it. */
export interface BothServers {
  /** Runs a script against each, below a node of that name that is made for it, and expects the same of both. Returns what it was. */
  alike<T>(name: string, script: (servers: Servers) => Promise<T>): Promise<T>;
}

export interface Servers {
  /** `host:port` */
  readonly address: string;
  /** `host:port/name` */
  readonly chrooted: string;
}

/** Neither looks for containers and TTL nodes meanwhile. */
export function bothServers(): BothServers {
  let real: ZooKeeper;
  let embedded: EmbeddedServer;
  beforeAll(async () => {
    [real, embedded] = await Promise.all([
      startZooKeeper({ properties: { 'znode.container.checkIntervalMs': '3600000' } }),
      startEmbedded({ reapEveryMs: 3_600_000 }),
    ]);
  });
  afterAll(async () => {
    await Promise.all([real?.close(), embedded?.close()]);
  });
  return {
    async alike(name, script) {
      const run = async (address: string) => {
        await createNode(address, `/${name}`);
        return script({ address, chrooted: `${address}/${name}` });
      };
      const [theirs, ours] = await Promise.all([
        run(real.connectString),
        run(embedded.connectString),
      ]);
      expect(ours).toEqual(theirs);
      return ours;
    },
  };
}
