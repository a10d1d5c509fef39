// A process with an embedded server: DATA_FOLDER (empty: memory only) PORT. It says its port, and lives on until it is killed or
// whoever started it is gone.
import { startEmbedded } from '../../src/testing/index.ts';

const [dataDir = '', port = '0'] = process.argv.slice(3);
process.stdin.on('end', () => process.exit()).resume();
const server = await startEmbedded({
  ...(dataDir === '' ? {} : { dataDir }),
  listen: { port: Number(port) },
  snapshotAfterBytes: 200_000,
});
process.stdout.write(`${server.port}\n`);
