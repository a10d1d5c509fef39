import { expect, test } from 'vitest';
import { rollcall } from '../support/processes.ts';

async function ended(args: readonly string[], env: Readonly<Record<string, string>> = {}) {
  await using program = rollcall(args, { env });
  const status = await program.finished;
  return { status, stdout: program.stdout, stderr: program.stderr };
}

test('without a command it helps, and says by its status that something was missing', async () => {
  const { status, stdout, stderr } = await ended([]);
  expect({ status, stdout }).toEqual({ status: 2, stdout: '' });
  expect(stderr).toContain('usage: rollcall COMMAND');
});

test('the version is that of the package', async () => {
  const { status, stdout } = await ended(['--version']);
  expect(status).toBe(0);
  expect(stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
});

test.for(['services', 'providers', 'watch'])(
  '%s without a daemon exits with 3 and says what to do',
  async name => {
    const args = [name, 'orders', '--server', 'http://127.0.0.1:1'];
    const { status, stdout, stderr } = await ended(
      name === 'services' ? [name, ...args.slice(2)] : args,
    );
    expect({ status, stdout }).toEqual({ status: 3, stdout: '' });
    expect(stderr).toBe(
      'rollcall: the daemon at http://127.0.0.1:1 cannot be reached (ECONNREFUSED): start it with "rollcall serve", or say where it is with --server URL\n',
    );
  },
);

test('bad usage exits with 2, and names the variable it came from', async () => {
  const { status, stderr } = await ended(['services'], { ROLLCALL_SERVER: 'nowhere' });
  expect(status).toBe(2);
  expect(stderr).toBe(
    'rollcall: ROLLCALL_SERVER "nowhere": a server looks like http://127.0.0.1:7070\n',
  );
});
