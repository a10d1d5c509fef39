// A process that starts an embedded server on each data folder that it is told, a line each: it answers `port N`, or `refused` and why. On an empty
// line it closes what it has. It lives until it is killed or whoever started it is gone.
import { createInterface } from 'node:readline';
import { errorText } from '../../src/kernel/errors.ts';
import { type EmbeddedServer, startEmbedded } from '../../src/testing/index.ts';

let server: EmbeddedServer | undefined;
process.stdin.on('end', () => process.exit());
process.stdout.write('here\n');
for await (const dataDir of createInterface({ input: process.stdin })) {
  if (dataDir === '') {
    await server?.close();
    server = undefined;
    process.stdout.write('closed\n');
    continue;
  }
  try {
    server = await startEmbedded({ dataDir });
    process.stdout.write(`port ${server.port}\n`);
  } catch (error) {
    process.stdout.write(`refused ${errorText(error)}\n`);
  }
}
