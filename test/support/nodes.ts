import { layout, type ProviderRecord, readProvider } from '../../src/registry/index.ts';
import { openSession, type Session } from '../../src/zookeeper/index.ts';

/** Looks at what lies in ZooKeeper, past everything that is tested. */
export interface Nodes extends AsyncDisposable {
  readonly session: Session;
  /** The records of a service's providers, in the order of their nodes. */
  providers(service: string): Promise<readonly ProviderRecord[]>;
}

export async function openNodes(servers: string): Promise<Nodes> {
  const session = await openSession({ servers });
  const where = layout();
  return {
    session,
    async providers(service) {
      const directory = where.providers(service);
      if ((await session.exists(directory)) === undefined) return [];
      const { children } = await session.getChildren(directory);
      const records: ProviderRecord[] = [];
      for (const name of [...children].sort((a, b) => a.slice(-10).localeCompare(b.slice(-10)))) {
        const parsed = readProvider((await session.getData(`${directory}/${name}`)).data);
        if (parsed.ok) records.push(parsed.record);
      }
      return records;
    },
    [Symbol.asyncDispose]: () => session.close(),
  };
}
