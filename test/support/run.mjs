// Runs a TypeScript file in a process of its own: node test/support/run.mjs FILE ARGS…
// (Node 20 does not strip types; the test runner's own transformer does.)
import { runnerImport } from 'vite';

await runnerImport(process.argv[2], { logLevel: 'error', configFile: false });
