// A process with an embedded server: OPTIONS, as JSON. It says its port, and lives on until it is killed or whoever started it is gone.
import { type EmbeddedOptions, startEmbedded } from '../../src/testing/index.ts';

const options = JSON.parse(process.argv[3] ?? '{}') as EmbeddedOptions;
process.stdin.on('end', () => process.exit()).resume();
const server = await startEmbedded({ snapshotAfterBytes: 200_000, ...options });
process.stdout.write(`${server.port}\n`);
