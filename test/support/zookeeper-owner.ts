// A process that starts a ZooKeeper, says so, and lives on until it is killed.
import { startZooKeeper } from '../../src/testing/index.ts';

const zookeeper = await startZooKeeper();
const [server] = zookeeper.servers;
const conf = (await server?.ask('conf')) ?? '';
const folder = /^dataDir=(.+)\/server-1\//m.exec(conf)?.[1] ?? '';
process.stdout.write(`${server?.pid} ${folder}\n`);
