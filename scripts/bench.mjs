// npm run bench -- NAME ARGS…: builds, makes sure that a real ZooKeeper is there, and runs bench/NAME.ts.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ensureZooKeeper } from './find-zookeeper.mjs';
import { build, runNode, top } from './run-node.mjs';

const [name, ...args] = process.argv.slice(2);

/** A bench says on its first line what it measures: `// npm run bench -- NAME: …`. */
function benches() {
  const files = readdirSync(join(top, 'bench')).filter(file => file.endsWith('.ts'));
  const firstLines = files.map(
    file => readFileSync(join(top, 'bench', file), 'utf8').split('\n')[0],
  );
  return firstLines.filter(line => line.startsWith('// npm run bench -- '));
}

if (
  name === undefined ||
  !/^[a-z0-9-]+$/.test(name) ||
  !existsSync(join(top, 'bench', `${name}.ts`))
) {
  const list = benches()
    .map(line => `  ${line.slice(3)}\n`)
    .join('');
  process.stderr.write(
    `${name === undefined ? 'Name a bench' : `There is no bench ${name}`}:\n${list}`,
  );
  process.exit(2);
}
await build('tsconfig.bench.json');
const { findZooKeeper } = await import('../.build/src/testing/index.js');
ensureZooKeeper(findZooKeeper);
process.exitCode = await runNode([join('.build', 'bench', `${name}.js`), ...args]);
