// npm test: builds, makes sure that a real ZooKeeper is there (unless ROLLCALL_TEST_SERVER=embedded says that none is wanted), and
// runs vitest with the arguments given.
import { ensureZooKeeper } from './find-zookeeper.mjs';
import { build, runNode } from './run-node.mjs';

await build('tsconfig.json');
const { findZooKeeper } = await import('../dist/testing/index.js');
if (process.env.ROLLCALL_TEST_SERVER !== 'embedded') ensureZooKeeper(findZooKeeper);
process.exitCode = await runNode([
  'node_modules/vitest/vitest.mjs',
  'run',
  ...process.argv.slice(2),
]);
