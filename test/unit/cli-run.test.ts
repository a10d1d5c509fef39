import { expect, test } from 'vitest';
import { COMMANDS, exitStatusOf, run } from '../../src/cli/run.ts';
import { RollcallError } from '../../src/kernel/errors.ts';
import { fakeTerminal } from '../support/fake-terminal.ts';

async function rollcall(...argv: string[]) {
  const terminal = fakeTerminal();
  const status = await run(argv, terminal);
  return { status, out: terminal.printed.join('\n'), err: terminal.complaints.join('\n') };
}

test('without a command the help goes to standard error, and the status is 2', async () => {
  const { status, out, err } = await rollcall();
  expect({ status, out }).toEqual({ status: 2, out: '' });
  for (const { name, summary } of COMMANDS) expect(err).toMatch(name.padEnd(11) + summary);
});

test.for([['--help'], ['-h'], ['help']])('%s prints the help', async argv => {
  const { status, out, err } = await rollcall(...argv);
  expect({ status, err }).toEqual({ status: 0, err: '' });
  expect(out).toContain('usage: rollcall COMMAND');
});

test('every command has help with its usage, its flags and an example', async () => {
  for (const { name } of COMMANDS) {
    const { status, out } = await rollcall(name, '--help');
    expect(status).toBe(0);
    expect(out).toContain(`usage: rollcall ${name}`);
    expect(out).toMatch(/\nflags:\n {2}--/);
    expect(out).toMatch(/\nexamples:\n {2}rollcall /);
    expect((await rollcall('help', name)).out).toBe(out);
  }
});

test('the version is printed', async () => {
  expect(await rollcall('--version')).toEqual({ status: 0, out: '1.2.3', err: '' });
  expect((await rollcall('serve', '-V')).out).toBe('1.2.3');
});

test.for([
  [['srve'], 'there is no command "srve" (did you mean serve?)'],
  [['lock', 'x'], '"lock" is not part of this release'],
  [['--zookeeper', 'a'], 'there is no flag --zookeeper'],
  [['serve'], '--zookeeper is missing: say which ZooKeeper'],
  [['serve', 'orders', '--zookeeper', 'a'], '"orders" is too much; usage: rollcall serve'],
  [['serve', '--zookeeper', 'a', '--embedded'], '--zookeeper and --embedded exclude each other'],
  [['dev', '--zookeeper', 'a', '--embedded'], '--zookeeper and --embedded exclude each other'],
  [['dev', '--zookeeper', 'a', '--data-dir', 'b'], '--data-dir is about the embedded server'],
  [['dev', '--embedded-listen', '0.0.0.0:2181'], 'others can reach this address'],
  [['services', '--constructor', 'a'], 'there is no flag --constructor'],
  [['serve', '--zookeper', 'a'], 'there is no flag --zookeper (did you mean --zookeeper?)'],
  [['providers'], 'something is missing; usage: rollcall providers SERVICE'],
  [['providers', '..'], '"..": a service cannot be named . or ..'],
  [['watch', 'a/b'], '"a/b": a service name is 1 to 128 of'],
  [['services', '--server', 'localhost'], '--server "localhost": a server looks like http://'],
  [['services', '--', 'x'], 'rollcall services runs no command'],
  [['register', 'orders', '--port', '80'], 'the command to run is missing: put it behind "--"'],
  [['register', 'orders', '--port', '80', '--', ''], 'the command to run is missing'],
  [['register', 'orders', '--', 'x'], '--port is missing: say where it serves'],
  [
    ['register', 'orders', '--port', '0', '--', 'x'],
    '--port "0": give a whole number from 1 to 65535',
  ],
  [
    ['register', 'orders', 'x', '--port', '80', '--', 'x'],
    '"x" is too much (a command to run stands behind "--")',
  ],
  [
    ['register', 'orders', '--port', '80', '--meta', 'x', '--', 'x'],
    '--meta "x": write it as KEY=VALUE',
  ],
  [
    ['register', 'orders', '--port', '80', '--id', 'a/b', '--', 'x'],
    'id: an id is printable and has no /',
  ],
  [
    ['register', 'orders', '--port', '80', '--check-interval', '0s', '--', 'x'],
    '--check-interval "0s": a duration looks like 500ms, 10s, 2m or 1h; from 10ms to 1h',
  ],
  [
    ['doctor', '--zookeeper', 'a', '--session-timeout', '600h'],
    '--session-timeout "600h": a duration looks like',
  ],
  [['doctor', '--zookeeper', 'a', '--session-timeout', '0s'], '--session-timeout "0s": '],
  [
    ['register', 'orders', '--port', '80', '--check', 'x', '--', 'x'],
    '--check "x": a check looks like',
  ],
] satisfies [string[], string][])(
  'rollcall %j is bad usage and says why',
  async ([argv, words]) => {
    const { status, out, err } = await rollcall(...argv);
    expect(err).toContain(words);
    expect(err).toMatch(/^rollcall: [^\n]+$/);
    expect({ status, out }).toEqual({ status: 2, out: '' });
  },
);

test('a secret is never repeated', async () => {
  const terminal = fakeTerminal({ env: { ROLLCALL_TOKEN: 'open-sesame', ROLLCALL_SERVER: 'x' } });
  expect(await run(['services'], terminal)).toBe(2);
  expect(terminal.complaints.join()).not.toContain('open-sesame');
});

test('the exit status tells bad usage, nobody there, and failure apart', () => {
  expect(exitStatusOf(new RollcallError('INVALID_CONFIG', ''))).toBe(2);
  expect(exitStatusOf(new RollcallError('CONNECTION_LOSS', ''))).toBe(3);
  expect(exitStatusOf(new RollcallError('NO_AUTH', ''))).toBe(1);
  expect(exitStatusOf(new Error('x'))).toBe(1);
});
