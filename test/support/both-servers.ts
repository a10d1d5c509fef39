import { afterAll, beforeAll, expect } from 'vitest';
import {
  type EmbeddedServer,
  startEmbedded,
  startZooKeeper,
  type ZooKeeper,
} from '../../src/testing/index.ts';
import { type FrameRecorder, frameRecorder } from './frame-recorder.ts';
import { recordingOf, writeRecording } from './recorded-frames.ts';
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

/** With this what `client` sends to the embedded server becomes, thinned out, its file in `recorded-frames/`. */
const recording = process.env['ROLLCALL_RECORD_FRAMES'] !== undefined;

/** Neither looks for containers and TTL nodes meanwhile. */
export function bothServers(client: string): BothServers {
  let real: ZooKeeper;
  let embedded: EmbeddedServer;
  let recorder: FrameRecorder | undefined;
  beforeAll(async () => {
    [real, embedded] = await Promise.all([
      startZooKeeper({ properties: { 'znode.container.checkIntervalMs': '3600000' } }),
      startEmbedded({ reapEveryMs: 3_600_000 }),
    ]);
    if (recording) recorder = await frameRecorder(embedded.connectString);
  });
  afterAll(async () => {
    if (recorder !== undefined) writeRecording(recordingOf(client, recorder.connections()));
    await recorder?.[Symbol.asyncDispose]();
    await Promise.all([real?.close(), embedded?.close()]);
  });
  return {
    async alike(name, script) {
      const run = async (server: string, address: string) => {
        await createNode(server, `/${name}`);
        return script({ address, chrooted: `${address}/${name}` });
      };
      const [theirs, ours] = await Promise.all([
        run(real.connectString, real.connectString),
        run(embedded.connectString, recorder?.address ?? embedded.connectString),
      ]);
      expect(ours).toEqual(theirs);
      return ours;
    },
  };
}
