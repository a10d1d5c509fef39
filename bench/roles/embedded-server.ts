/** An embedded server in a process of its own: in memory, or in the folder that is named. */
import { startEmbedded } from '../../src/testing/index.ts';
import type { ServerMessage } from './messages.ts';

const [dataDir = ''] = process.argv.slice(2);
const beganMs = performance.now();
const server = await startEmbedded({
  tickTimeMs: 2_000,
  reapEveryMs: 60_000,
  ...(dataDir === '' ? {} : { dataDir }),
});
const tookMs = performance.now() - beganMs;
const message: ServerMessage = { connectString: server.connectString, tookMs };
process.send?.(message);
process.once('disconnect', () => process.exit(0));
