// npm run bench -- NAME ARGS…: builds, makes sure that a real ZooKeeper is there, and runs bench/NAME.ts.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ensureZooKeeper } from './find-zookeeper.mjs';
import { build, runNode, top } from './run-node.mjs';

/** A bench begins with a comment that says what it measures; what benches share begins with its imports. */
const benches = readdirSync(join(top, 'bench'))
  .filter(file => file.endsWith('.ts'))
  .map(file => ({ file, text: readFileSync(join(top, 'bench', file), 'utf8') }))
  .filter(({ text }) => text.startsWith('/**'))
  .map(({ file, text }) => ({ name: file.slice(0, -'.ts'.length), about: firstSentence(text) }));

/** Of the comment at the beginning. */
function firstSentence(text) {
  const comment = text.slice('/**'.length, text.indexOf('*/')).replaceAll(/\s*\n \* ?/g, ' ');
  return comment.trim().split(/[.;:](?:\s|$)/)[0];
}

const [name, ...args] = process.argv.slice(2);
if (!benches.some(bench => bench.name === name)) {
  process.stderr.write(name === undefined ? 'Name a bench:\n' : `There is no bench ${name}:\n`);
  for (const bench of benches)
    process.stderr.write(`  npm run bench -- ${bench.name}: ${bench.about}\n`);
  process.exit(2);
}
await build('tsconfig.bench.json');
const { findZooKeeper } = await import('../.build/src/testing/index.js');
ensureZooKeeper(findZooKeeper);
process.exitCode = await runNode([join('.build', 'bench', `${name}.js`), ...args]);
