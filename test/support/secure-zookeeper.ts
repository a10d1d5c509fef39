import { freePorts, startZooKeeper, type ZooKeeper } from '../../src/testing/index.ts';
import type { Certificates } from './certificates.ts';

/** A real server that takes TLS connections alone on its secure port, and asks for a certificate. */
export async function secureZooKeeper(
  made: Certificates,
): Promise<{ readonly zookeeper: ZooKeeper; readonly servers: string }> {
  const [port] = await freePorts(1);
  const zookeeper = await startZooKeeper({
    config: { secureClientPort: String(port) },
    properties: {
      'zookeeper.serverCnxnFactory': 'org.apache.zookeeper.server.NettyServerCnxnFactory',
      'zookeeper.ssl.keyStore.location': made.server.storeFile,
      'zookeeper.ssl.trustStore.location': made.caFile,
      'zookeeper.ssl.clientAuth': 'need',
    },
  });
  return { zookeeper, servers: `127.0.0.1:${port}` };
}
