// A process with an embedded server: DATA_FOLDER (empty: memory only) PORT MAX_SESSION_MS. It says its port, and lives on until it is killed or
// whoever started it is gone.
import { startEmbedded } from '../../src/testing/index.ts';

const [dataDir = '', port = '0', maxSessionTimeoutMs = '60000'] = process.argv.slice(3);
process.stdin.on('end', () => process.exit()).resume();
const server = await startEmbedded({
  ...(dataDir === '' ? {} : { dataDir }),
  listen: { port: Number(port) },
  maxSessionTimeoutMs: Number(maxSessionTimeoutMs),
  snapshotAfterBytes: 200_000,
});
process.stdout.write(`${server.port}\n`);
