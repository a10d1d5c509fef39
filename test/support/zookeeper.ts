import { randomUUID } from 'node:crypto';
import { createClient, CreateMode, type Client } from 'node-zookeeper-client';
import { inject } from 'vitest';

/** `host:port` of the real ZooKeeper that all test files share, without a chroot. */
export function sharedServers(): string {
  return inject('zookeeper');
}

/** A connect string whose chroot was made for this call alone. */
export async function testServers(): Promise<string> {
  const chroot = `/test-${randomUUID()}`;
  await createNode(sharedServers(), chroot);
  return `${sharedServers()}${chroot}`;
}

/** Makes one persistent node with the bare library, so that the tests of our own session do not stand on it. */
export async function createNode(servers: string, path: string): Promise<void> {
  const client = createClient(servers, { sessionTimeout: 30_000, retries: 0 });
  try {
    await connected(client);
    await new Promise<void>((resolve, reject) => {
      client.create(path, Buffer.alloc(0), CreateMode.PERSISTENT, error =>
        error ? reject(error) : resolve(),
      );
    });
  } finally {
    client.close();
  }
}

function connected(client: Client): Promise<void> {
  return new Promise(resolve => {
    client.once('connected', resolve);
    client.connect();
  });
}
