import { encodeRecord, layout, makeProvider } from '../../src/registry/index.ts';
import type { Session } from '../../src/zookeeper/index.ts';

/** A provider's node as any program may write it; returns its path. */
export async function provide(
  session: Session,
  service: string,
  id: string,
  fields: Record<string, unknown> = {},
): Promise<string> {
  const directory = layout().providers(service);
  await session.ensurePath(directory);
  const record = makeProvider({ v: 1, id, service, address: '10.0.0.5', port: 80, ...fields });
  const options = { mode: 'ephemeral-sequential', guid: `${id}-` } as const;
  return (await session.create(`${directory}/${id}-`, encodeRecord(record), options)).path;
}

export async function childrenOf(session: Session, path: string): Promise<readonly string[]> {
  return [...(await session.getChildren(path)).children].sort();
}

/** Every node below `path`, with the zxid of its last change. */
export async function changesBelow(
  session: Session,
  path: string,
): Promise<Readonly<Record<string, bigint>>> {
  const found: Record<string, bigint> = {};
  for (const name of await childrenOf(session, path)) {
    const child = `${path}/${name}`;
    found[child] = (await session.getData(child)).stat.mzxid;
    Object.assign(found, await changesBelow(session, child));
  }
  return found;
}
