import { encodeRecord, layout, makeProvider } from '../src/registry/index.ts';
import { openSession, type Session } from '../src/zookeeper/index.ts';

/** One multi; small enough for any server, large enough that the round trip does not count. */
const CREATES_PER_MULTI = 100;

/**
 * A session may own 512 KiB of ephemeral paths (a larger one would keep ZooKeeper from starting again); a path here takes
 * less than 100 bytes.
 */
const PROVIDERS_PER_SESSION = 4000;

export interface Load {
  readonly root: string;
  readonly services: number;
  readonly perService: number;
}

export function serviceName(index: number): string {
  return `service-${String(index).padStart(4, '0')}`;
}

export function providerBytes(service: string, index: number): Buffer {
  return encodeRecord(
    makeProvider({
      v: 1,
      id: `${service}-${index}`,
      service,
      address: `10.${(index >> 16) & 255}.${(index >> 8) & 255}.${index & 255}`,
      port: 1024 + (index % 60_000),
      zone: `zone-${index % 3}`,
      version: `1.${index % 5}.0`,
      tags: ['bench'],
      registeredAt: '2026-01-01T00:00:00.000Z',
    }),
  );
}

async function fill(
  session: Session,
  root: string,
  nodes: readonly { service: string; index: number }[],
): Promise<void> {
  const where = layout(root);
  for (let from = 0; from < nodes.length; from += CREATES_PER_MULTI) {
    const transaction = session.transaction();
    for (const { service, index } of nodes.slice(from, from + CREATES_PER_MULTI)) {
      transaction.create(
        `${where.providers(service)}/${String(index).padStart(8, '0')}-bench-provider-`,
        providerBytes(service, index),
        {
          mode: 'ephemeral-sequential',
        },
      );
    }
    await transaction.commit();
  }
}

/** Registers `services` × `perService` providers, spread over as many sessions as ZooKeeper's limits ask for. The caller closes the sessions. */
export async function registerLoad(servers: string, load: Load): Promise<readonly Session[]> {
  const where = layout(load.root);
  const nodes = Array.from({ length: load.services }, (_, s) =>
    Array.from({ length: load.perService }, (_, index) => ({ service: serviceName(s), index })),
  ).flat();
  const spread = Math.max(10, Math.ceil(nodes.length / PROVIDERS_PER_SESSION));
  const sessions: Session[] = [];
  for (let s = 0; s < spread; s += 1) {
    const session = await openSession({ servers, timeoutMs: 30_000 });
    await session.connected();
    sessions.push(session);
  }
  const [first] = sessions;
  if (first === undefined) throw new Error('no session');
  for (let s = 0; s < load.services; s += 1)
    await first.ensurePath(where.providers(serviceName(s)));
  const share = Math.ceil(nodes.length / spread);
  await Promise.all(
    sessions.map((session, s) => fill(session, load.root, nodes.slice(s * share, (s + 1) * share))),
  );
  return sessions;
}
