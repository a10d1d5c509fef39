import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

const top = fileURLToPath(new URL('../..', import.meta.url));

function run(args: readonly string[], env: Record<string, string> = {}) {
  return spawnSync(process.execPath, args, {
    cwd: top,
    encoding: 'utf8',
    env: { ...process.env, ...env },
  });
}

test('without a ZooKeeper there is one line that says what to do, and a failure', () => {
  const program = `
    import { ensureZooKeeper } from './scripts/find-zookeeper.mjs';
    import { findZooKeeper } from './dist/testing/index.js';
    ensureZooKeeper(findZooKeeper);
    console.log('went on');
  `;
  const { status, stdout, stderr } = run(['--input-type=module', '-e', program], {
    ZOOKEEPER_HOME: '/nowhere/zookeeper',
  });
  expect(status).toBe(1);
  expect(stdout).toBe('');
  expect(stderr).toMatch(/^rollcall: ZOOKEEPER_HOME=\/nowhere\/zookeeper holds no [^\n]+\n$/);
});

test('npm run bench without a name lists the benches, and refuses a name that is not one', () => {
  const without = run(['scripts/bench.mjs']);
  expect(without.status).toBe(2);
  expect(without.stderr).toMatch(/^Name a bench:\n( {2}npm run bench -- [a-z0-9-]+: .+\n)+$/);
  const wrong = run(['scripts/bench.mjs', '../scripts/start']);
  expect(wrong.status).toBe(2);
  expect(wrong.stderr).toContain('There is no bench ../scripts/start');
});
