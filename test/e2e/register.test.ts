import { createServer } from 'node:http';
import { type AddressInfo, createServer as createTcpServer } from 'node:net';
import { expect, test } from 'vitest';
import { faultProxy } from '../../src/testing/index.ts';
import { openNodes } from '../support/nodes.ts';
import { rollcall, type Running } from '../support/processes.ts';
import { sharedServers, testServers } from '../support/zookeeper.ts';

const WAIT = { timeout: 30_000, interval: 25 };
const ID = ['--id', 'h-1', '--port', '8080', '--address', '127.0.0.1'];

/** Runs a shell script as the provider `hello/h-1`. */
function hello(servers: string, script: string, flags: readonly string[] = []): Running {
  const at = ['--zookeeper', servers];
  return rollcall(['register', 'hello', ...ID, ...at, ...flags, '--', 'sh', '-c', script]);
}

/** Says `ready`, and `got NAME` for each of these signals, until it is told to end by SIGUSR2. */
const LISTENER = `
for name in TERM INT HUP; do trap "echo got $name" $name; done
trap 'exit 5' USR2
echo ready $$
while :; do sleep 0.1; done`;

test('a program is listed with what its flags say, for as long as it lives', async () => {
  const servers = await testServers();
  await using nodes = await openNodes(servers);
  const flags = ['--tag', 'a', '--tag', 'b', '--weight', '7', '--zone', 'eu', '--meta', 'team=pay'];
  await using sidecar = hello(servers, LISTENER, [...flags, '--version', '1.4.2']);
  await expect
    .poll(() => nodes.providers('hello'), WAIT)
    .toMatchObject([
      {
        id: 'h-1',
        service: 'hello',
        address: '127.0.0.1',
        port: 8080,
        status: 'up',
        tags: ['a', 'b'],
        weight: 7,
        zone: 'eu',
        version: '1.4.2',
        metadata: { team: 'pay' },
      },
    ]);
  const [, pid] = await sidecar.says(/ready (\d+)/);
  process.kill(Number(pid), 'SIGUSR2');
  expect(await sidecar.finished).toBe(5);
  expect(await nodes.providers('hello')).toEqual([]);
});

test('on SIGTERM it drains before the program hears of it, and exits with its status', async () => {
  const servers = await testServers();
  const chroot = servers.slice(servers.indexOf('/'));
  await using nodes = await openNodes(servers);
  await using proxy = await faultProxy({ target: sharedServers() });
  await using sidecar = hello(`${proxy.address}${chroot}`, LISTENER);
  await sidecar.says(/announced as/, 'stderr');
  proxy.delay(600); // long enough for a program that heard of it too early to say so
  const [, pid] = await sidecar.says(/ready (\d+)/);
  sidecar.kill('SIGTERM');
  await sidecar.says(/got TERM/);
  expect(await nodes.providers('hello')).toMatchObject([{ id: 'h-1', status: 'draining' }]);
  sidecar.kill('SIGINT');
  await sidecar.says(/got INT/);
  process.kill(Number(pid), 'SIGUSR2');
  expect(await sidecar.finished).toBe(5);
  expect(await nodes.providers('hello')).toEqual([]);
});

test('SIGHUP is passed on, and changes nothing about the listing', async () => {
  const servers = await testServers();
  await using nodes = await openNodes(servers);
  await using sidecar = hello(servers, LISTENER);
  await sidecar.says(/announced as/, 'stderr');
  const [, pid] = await sidecar.says(/ready (\d+)/);
  sidecar.kill('SIGHUP');
  await sidecar.says(/got HUP/);
  expect(await nodes.providers('hello')).toMatchObject([{ status: 'up' }]);
  process.kill(Number(pid), 'SIGUSR2');
  expect(await sidecar.finished).toBe(5);
});

test('a program that a signal ended gives 128 and the number of the signal', async () => {
  const servers = await testServers();
  await using nodes = await openNodes(servers);
  await using sidecar = hello(servers, 'echo ready; exec sleep 600');
  await sidecar.says(/announced as/, 'stderr');
  sidecar.kill('SIGINT');
  expect(await sidecar.finished).toBe(130);
  expect(await nodes.providers('hello')).toEqual([]);
});

test('a program that does not exist gives 127 and one line', async () => {
  const servers = await testServers();
  const at = ['--zookeeper', servers];
  await using sidecar = rollcall(['register', 'hello', ...ID, ...at, '--', '/no/such/program']);
  expect(await sidecar.finished).toBe(127);
  expect(sidecar.stderr).toMatch(/cannot start "\/no\/such\/program": there is no such program\n/);
});

test('it is listed when its HTTP check passes, down while it fails, and up again', async () => {
  const servers = await testServers();
  await using nodes = await openNodes(servers);
  let answer = 500;
  const web = createServer((_request, response) => response.writeHead(answer).end());
  await new Promise<void>(resolve => web.listen(0, '127.0.0.1', resolve));
  const { port } = web.address() as AddressInfo;
  try {
    const url = `http://127.0.0.1:${port}/health`;
    // It is the answers that count, and not how long a busy machine takes for them.
    const pace = ['--check-interval', '50ms', '--check-timeout', '20s'];
    const counts = ['--check-fall', '2', '--check-rise', '2'];
    await using sidecar = hello(servers, LISTENER, ['--check', url, ...pace, ...counts]);
    const [, pid] = await sidecar.says(/ready (\d+)/);
    const asked = new Promise(resolve => web.once('request', resolve));
    await asked;
    expect(await nodes.providers('hello')).toEqual([]);
    for (const [status, listed] of [
      [302, 'up'],
      [503, 'down'],
      [204, 'up'],
    ] as const) {
      answer = status;
      await expect.poll(() => nodes.providers('hello'), WAIT).toMatchObject([{ status: listed }]);
    }
    expect(sidecar.stderr).toContain('the check fails (it answers 503): down');
    process.kill(Number(pid), 'SIGUSR2');
    expect(await sidecar.finished).toBe(5);
  } finally {
    web.close();
  }
});

test('a TCP check passes while somebody listens', async () => {
  const servers = await testServers();
  await using nodes = await openNodes(servers);
  const listener = createTcpServer(socket => socket.destroy());
  const listen = (port: number) =>
    new Promise<void>(resolve => listener.listen(port, '127.0.0.1', resolve));
  await listen(0);
  const { port } = listener.address() as AddressInfo;
  const check = [
    '--check',
    `tcp://127.0.0.1:${port}`,
    '--check-interval',
    '50ms',
    '--check-timeout',
    '20s',
    '--check-fall',
    '1',
  ];
  await using sidecar = hello(servers, LISTENER, check);
  await expect.poll(() => nodes.providers('hello'), WAIT).toMatchObject([{ status: 'up' }]);
  await new Promise(resolve => listener.close(resolve));
  await expect.poll(() => nodes.providers('hello'), WAIT).toMatchObject([{ status: 'down' }]);
  await listen(port);
  await expect.poll(() => nodes.providers('hello'), WAIT).toMatchObject([{ status: 'up' }]);
  await new Promise(resolve => listener.close(resolve));
  const [, pid] = await sidecar.says(/ready (\d+)/);
  process.kill(Number(pid), 'SIGUSR2');
  expect(await sidecar.finished).toBe(5);
});

test('while ZooKeeper is away the program runs, and is listed when it is back', async () => {
  const servers = await testServers();
  const chroot = servers.slice(servers.indexOf('/'));
  await using proxy = await faultProxy({ target: sharedServers() });
  await proxy.cut();
  await using sidecar = hello(`${proxy.address}${chroot}`, LISTENER);
  const [, pid] = await sidecar.says(/ready (\d+)/);
  await sidecar.says(/cannot be reached yet: the program runs, the announcement follows/, 'stderr');
  await proxy.heal();
  await using nodes = await openNodes(servers);
  await expect.poll(() => nodes.providers('hello'), WAIT).toMatchObject([{ status: 'up' }]);
  process.kill(Number(pid), 'SIGUSR2');
  expect(await sidecar.finished).toBe(5);
});

test('while ZooKeeper is away a program that ends is not held back', async () => {
  const servers = await testServers();
  const chroot = servers.slice(servers.indexOf('/'));
  await using proxy = await faultProxy({ target: sharedServers() });
  await using sidecar = hello(`${proxy.address}${chroot}`, LISTENER, ['--session-timeout', '4s']);
  await sidecar.says(/announced as/, 'stderr');
  const [, pid] = await sidecar.says(/ready (\d+)/);
  await proxy.cut();
  process.kill(Number(pid), 'SIGUSR2');
  expect(await sidecar.finished).toBe(5);
});
