import { execFile, spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, onTestFinished, test } from 'vitest';
import { z } from 'zod';

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

interface Ended {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Neither Java nor apt-get is on PATH, and no release is named. */
function testsWithout(env: Record<string, string>): Promise<Ended> {
  const program = `
    import { runTests } from './scripts/run-tests.mjs';
    process.exitCode = await runTests(['--project', 'contract', 'session-tls', 'testing-support']);
  `;
  const clean = { PATH: '', TMPDIR: tmpdir(), NO_COLOR: '1', ...env };
  return new Promise(resolve => {
    const child = execFile(
      process.execPath,
      ['--input-type=module', '-e', program],
      { cwd: top, env: clean },
      (_error, stdout, stderr) => resolve({ status: child.exitCode, stdout, stderr }),
    );
  });
}

test('where no ZooKeeper is to be had the tests run on the embedded server, and the last lines say what did not run', async () => {
  const { status, stdout } = await testsWithout({});
  expect(status, stdout).toBe(0);
  expect(stdout).toContain('The embedded server on ');
  expect(stdout).toMatch(/Tests +1 passed \| 2 skipped/);
  const [, said, ...rest] = stdout.split(`${'!'.repeat(80)}\n`);
  expect(rest).toEqual(['']);
  const [first, reason, one, two, alone, remedy, ...more] = said?.split('\n') ?? [];
  expect([first, reason]).toEqual(['NOT RUN: 2 tests', '  the embedded server has no TLS:']);
  expect(one).toContain('test/contract/session-tls.test.ts > a session over TLS');
  expect(two).toContain('test/contract/session-tls.test.ts > without a certificate');
  expect(alone).toContain('NO REAL ZOOKEEPER');
  expect(remedy).toMatch(/Java runtime not found: .*apt-get install .*ZOOKEEPER_HOME/);
  expect(more).toEqual(['']);
});

test('where a real one is demanded, and none is to be had, no test is run', async () => {
  const { status, stdout, stderr } = await testsWithout({ ROLLCALL_REQUIRE_ZOOKEEPER: '1' });
  expect([status, stdout]).toEqual([1, '']);
  expect(stderr).toMatch(/^rollcall: .*Java runtime not found: .*\n$/);
});

test('npm run bench without a name lists the benches, and refuses a name that is not one', () => {
  const without = run(['scripts/bench.mjs']);
  expect(without.status).toBe(2);
  expect(without.stderr).toMatch(/^Name a bench:\n( {2}npm run bench -- [a-z0-9-]+: .+\n)+$/);
  const wrong = run(['scripts/bench.mjs', '../scripts/start']);
  expect(wrong.status).toBe(2);
  expect(wrong.stderr).toContain('There is no bench ../scripts/start');
});

test('the command is there before anything is built, as who links it wants, and says what is missing', () => {
  const checkout = mkdtempSync(join(tmpdir(), 'rollcall-unbuilt-'));
  onTestFinished(() => rmSync(checkout, { recursive: true }));
  const description: unknown = JSON.parse(readFileSync(join(top, 'package.json'), 'utf8'));
  const { bin } = z.object({ bin: z.object({ rollcall: z.string() }) }).parse(description);
  for (const part of ['package.json', 'bin']) {
    cpSync(join(top, part), join(checkout, part), { recursive: true });
  }
  const { status, stdout, stderr } = spawnSync(join(checkout, bin.rollcall), { encoding: 'utf8' });
  expect({ status, stdout }).toEqual({ status: 1, stdout: '' });
  expect(stderr).toMatch(/^rollcall: it is not built yet: run "npm run build"[^\n]*\n$/);
});
