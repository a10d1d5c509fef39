import { expect } from 'vitest';
import { faultProxy, type FaultProxy } from '../../src/testing/index.ts';
import type { Session } from '../../src/zookeeper/api.ts';
import type { Mirror, MirrorOptions } from '../../src/zookeeper/mirror-api.ts';
import { openMirror } from '../../src/zookeeper/mirror.ts';
import { openSession } from '../../src/zookeeper/session.ts';
import { eventually } from './eventually.ts';
import { type MirrorRecord, mirrored, readDirectly, recordMirror } from './mirror-record.ts';
import { testServers } from './zookeeper.ts';

export const strategies = ['persistent-recursive', 'child-lists'] as const;

/** A writer beside the mirror, and a proxy between the mirror's session and the server. */
export interface MirrorRig extends AsyncDisposable {
  readonly writer: Session;
  readonly reader: Session;
  readonly proxy: FaultProxy;
  /** Opens the mirror (of `/m`, without timed audits, unless told otherwise) and follows it from its first batch. */
  open(
    options?: Partial<MirrorOptions>,
    over?: (reader: Session) => Session,
  ): { readonly mirror: Mirror; readonly record: MirrorRecord };
  /** Waits until the mirror has seen all that was written so far, and compares: mirror, replayed batches, tree. */
  agrees(mirror: Mirror, record: MirrorRecord, root?: string): Promise<void>;
}

export async function mirrorRig(options: { readonly timeoutMs?: number } = {}): Promise<MirrorRig> {
  const servers = await testServers();
  const [target = '', chroot = ''] = servers.split(/(?=\/)/);
  const proxy = await faultProxy({ target });
  const writer = await openSession({ servers });
  const reader = await openSession({
    servers: `${proxy.address}${chroot}`,
    random: () => 0,
    ...options,
  });
  const mirrors = new Map<Mirror, readonly string[]>();
  return {
    writer,
    reader,
    proxy,
    open(mirrorOptions = {}, over = session => session) {
      const settings = { roots: ['/m'], auditEveryMs: 0, ...mirrorOptions };
      const mirror = openMirror(over(reader), settings);
      mirrors.set(mirror, settings.roots);
      return { mirror, record: recordMirror(mirror, reader) };
    },
    async agrees(mirror, record, root = '/m') {
      await caughtUp(mirror, reader, writer);
      const truth = await readDirectly(writer, root);
      expect(mirrored(mirror, root)).toEqual(truth);
      expect(record.replayed).toEqual(truth);
      // A node that is in the tree twice is found once by its name.
      if (mirrors.get(mirror)?.join() === root) expect(mirror.size).toBe(truth.size);
      expect(record.faults).toEqual([]);
    },
    async [Symbol.asyncDispose]() {
      for (const mirror of mirrors.keys()) await mirror.close();
      await Promise.all([writer.close(), reader.close()]);
      await proxy.close();
    },
  };
}

/** Every write answered so far has been delivered. */
export async function caughtUp(mirror: Mirror, reader: Session, writer: Session): Promise<void> {
  await reader.connected();
  await reader.sync('/');
  await eventually(
    () => {
      expect(mirror.state.kind).toBe('live');
      expect(mirror.watermark).toBeGreaterThanOrEqual(writer.lastZxid);
    },
    { timeout: 15_000, interval: 5 },
  );
}

/** Makes `/m/<directory>/n0…` with the data `data`. */
export async function plant(
  writer: Session,
  directories: readonly string[],
  count: number,
  data = 'x',
): Promise<void> {
  for (const directory of directories) {
    await writer.ensurePath(`/m/${directory}`);
    const paths = Array.from({ length: count }, (_, index) => `/m/${directory}/n${index}`);
    await Promise.all(paths.map(path => writer.create(path, Buffer.from(data))));
  }
}
