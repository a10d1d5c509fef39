import zookeeper from 'node-zookeeper-client';
import { deferred } from '../../src/kernel/abort.ts';

/** How many reads are under way at once; more did not make it quicker. */
const WINDOW = 1000;

/** Runs `work` on every item, `WINDOW` at once. */
async function windowed<T>(items: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
  let next = 0;
  const worker = async (): Promise<void> => {
    for (let item = items[next++]; item !== undefined; item = items[next++]) await work(item);
  };
  await Promise.all(Array.from({ length: WINDOW }, worker));
}

/** Connects a bare client and resolves when it is connected. */
export async function bareClient(servers: string): Promise<zookeeper.Client> {
  const client = zookeeper.createClient(servers, {
    sessionTimeout: 10_000,
    spinDelay: 100,
    retries: 0,
  });
  const connected = deferred<void>();
  client.once('connected', () => connected.resolve());
  client.connect();
  await connected.promise;
  return client;
}

export function bareChildren(
  client: zookeeper.Client,
  path: string,
  onEvent: () => void,
): Promise<string[]> {
  return new Promise((resolve, reject) => {
    client.getChildren(path, onEvent, (error, children) =>
      error ? reject(error) : resolve(children),
    );
  });
}

export function bareData(
  client: zookeeper.Client,
  path: string,
  onEvent?: () => void,
): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const done = (error: Error | zookeeper.Exception | null, data: Buffer): void =>
      error === null || error === undefined ? resolve(data) : reject(error);
    if (onEvent === undefined) client.getData(path, done);
    else client.getData(path, onEvent, done);
  });
}

/**
 * What a service author writes with node-zookeeper-client alone: list the services, list each one's providers, read every
 * provider, parse its JSON; each list and each provider watched, so that it hears of joins, leaves and changed records as we do.
 *
 * @returns how many providers were read.
 */
export async function loadNodeByNode(servers: string, root: string): Promise<number> {
  const client = await bareClient(servers);
  const ignore = (): void => undefined;
  const providers = new Map<string, unknown>();
  const paths: string[] = [];
  const services = await bareChildren(client, `${root}/services`, ignore);
  await windowed(services, async service => {
    const directory = `${root}/services/${service}/providers`;
    for (const name of await bareChildren(client, directory, ignore))
      paths.push(`${directory}/${name}`);
  });
  await windowed(paths, async path => {
    providers.set(path, JSON.parse((await bareData(client, path, ignore)).toString('utf8')));
  });
  client.close();
  return providers.size;
}
