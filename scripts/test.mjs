// npm test: builds and runs the tests. Arguments go to vitest.
import { build } from './run-node.mjs';
import { runTests } from './run-tests.mjs';

await build('tsconfig.json');
process.exitCode = await runTests(process.argv.slice(2));
