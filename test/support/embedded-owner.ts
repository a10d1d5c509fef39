// A process with an embedded server: `embedded-owner.ts <data folder> <port>`. It says its port, and lives on until it is killed.
import { startEmbedded } from '../../src/testing/index.ts';

const [dataDir = '', port = '0'] = process.argv.slice(3);
const server = await startEmbedded({
  dataDir,
  listen: { port: Number(port) },
  snapshotAfterBytes: 200_000,
});
process.stdout.write(`${server.port}\n`);
