import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chooseServer } from './choose-server.mjs';
import { closingWords } from './closing-words.mjs';
import { provideZooKeeper } from './find-zookeeper.mjs';
import { runNode } from './run-node.mjs';

/**
 * Runs vitest with these arguments: on a real ZooKeeper, or on the embedded server where none is to be had. It ends with what was
 * not run. Needs the build. Returns the exit code.
 */
export async function runTests(args) {
  const { findZooKeeper } = await import('../dist/testing/index.js');
  const choice = chooseServer(process.env, () => provideZooKeeper(findZooKeeper));
  if (choice.kind === 'refused') {
    process.stderr.write(`rollcall: ${choice.line}\n`);
    return 1;
  }
  const onEmbedded = choice.kind === 'embedded';
  if (onEmbedded) process.stderr.write('rollcall: the tests run on the embedded server alone\n');
  const folder = mkdtempSync(join(tmpdir(), 'rollcall-not-run-'));
  const file = join(folder, 'tests.json');
  const server = onEmbedded ? { ROLLCALL_TEST_SERVER: 'embedded' } : {};
  const code = await runNode(vitest(args), {
    env: { ...process.env, ...server, ROLLCALL_NOT_RUN: file },
  });
  const notRun = readIfThere(file);
  rmSync(folder, { recursive: true });
  process.stdout.write(closingWords(notRun, onEmbedded ? choice.remedy : undefined));
  return code;
}

/** A reporter that is named takes the place of vitest's own, and ours is to come beside it. */
function vitest(args) {
  const named = args.some(arg => arg.startsWith('--reporter'));
  return [
    'node_modules/vitest/vitest.mjs',
    'run',
    ...(named ? [] : ['--reporter=default']),
    '--reporter=./scripts/not-run-reporter.mjs',
    ...args,
  ];
}

/** Nothing when vitest ended before its report. */
function readIfThere(file) {
  try {
    return JSON.parse(readFileSync(file, 'utf8'));
  } catch {
    return [];
  }
}
