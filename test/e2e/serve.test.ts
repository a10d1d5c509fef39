import { connect } from 'node:net';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { z } from 'zod';
import { layout } from '../../src/registry/index.ts';
import { faultProxy } from '../../src/testing/index.ts';
import { digestAcl } from '../../src/zookeeper/index.ts';
import { certificates } from '../support/certificates.ts';
import { openNodes } from '../support/nodes.ts';
import { realOnly } from '../support/own-zookeeper.ts';
import { ask, idsOf, rollcall, serve, untilIds } from '../support/processes.ts';
import { needs } from '../support/programs.ts';
import { secureZooKeeper } from '../support/secure-zookeeper.ts';
import { sharedServers, testServers } from '../support/zookeeper.ts';

const History = z.object({
  entries: z.array(z.object({ id: z.string(), event: z.string(), cause: z.string().nullish() })),
});
const Aggregators = z.object({ members: z.array(z.object({ address: z.string() })) });

const WAIT = { timeout: 30_000, interval: 25 };
const folder = mkdtempSync(join(tmpdir(), 'rollcall-serve-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const statusOf = async (url: string): Promise<number> => (await fetch(url)).status;
const ready = (url: string) => expect.poll(() => statusOf(`${url}/readyz`), WAIT).toBe(200);

test('a provider is there, is killed with kill -9, and is gone', async () => {
  const servers = await testServers();
  const { daemon, url } = await serve(servers);
  await using _daemon = daemon;
  await ready(url);
  const flags = ['--port', '8080', '--zookeeper', servers, '--session-timeout', '5s'];
  const provider = (id: string) =>
    rollcall([
      'register',
      'hello',
      '--id',
      id,
      ...flags,
      '--',
      'sh',
      '-c',
      'echo "pid $$"; exec sleep 600',
    ]);
  await using killed = provider('killed');
  await using stopped = provider('stopped');
  await untilIds(url, 'hello', ['killed', 'stopped']);

  killed.kill('SIGKILL');
  await untilIds(url, 'hello', ['stopped']);
  stopped.kill('SIGTERM');
  await untilIds(url, 'hello', []);
  const orphan = (await killed.says(/pid (\d+)/))[1];
  process.kill(Number(orphan), 'SIGKILL'); // nobody was left to end it

  // It is off the list as soon as it drains, and leaves a little later.
  const causes = async () => {
    const { entries } = await ask(`${url}/v1/history?service=hello`, History);
    const left = entries.filter(({ event }) => event === 'left');
    return left.map(({ id, cause }) => `${id} ${cause}`);
  };
  await expect.poll(causes, WAIT).toEqual(['killed crashed-or-expired', 'stopped deregistered']);
});

test('the commands of a terminal show what the daemon knows', async () => {
  const servers = await testServers();
  const { daemon, url } = await serve(servers);
  await using _daemon = daemon;
  await ready(url);
  await using watching = rollcall(['watch', '--server', url]);
  await watching.says(/the view is live/);
  const flags = [
    '--id',
    'o-1',
    '--address',
    '10.0.0.5',
    '--port',
    '80',
    '--zone',
    'eu',
    '--zookeeper',
    servers,
  ];
  await using provider = rollcall(['register', 'orders', ...flags, '--', 'sleep', '600']);
  await watching.says(/orders {2}joined {2}o-1 {2}10\.0\.0\.5:80 {2}up\n/);

  const say = async (...args: string[]) => {
    await using program = rollcall([...args, '--server', url]);
    expect([await program.finished, program.stderr]).toEqual([0, '']);
    return program.stdout;
  };
  expect(await say('services')).toMatch(/^SERVICE +UP .*\norders +1 +0 +0 +0 +0\n$/);
  expect(await say('providers', 'orders')).toMatch(
    /^ID +ADDRESS .*\no-1 +10\.0\.0\.5:80 +up +100 +eu .*\n$/,
  );
  expect(await say('providers', 'orders', '--zone', 'us')).toBe('no providers of orders\n');
  expect(JSON.parse(await say('services', '--json')).services).toMatchObject([{ name: 'orders' }]);
  expect(JSON.parse(await say('providers', 'orders', '--json')).providers).toMatchObject([
    { id: 'o-1', zone: 'eu' },
  ]);
  await using wrong = rollcall(['providers', 'orders', '--status', 'asleep', '--server', url]);
  expect(await wrong.finished).toBe(1);
  expect(wrong.stderr).toMatch(
    /^rollcall: 127\.0\.0\.1:\d+ answers 400 INVALID_REQUEST: status[^\n]+\n$/,
  );

  provider.kill('SIGTERM');
  await watching.says(/orders {2}left {2}o-1 {2}deregistered\n/);
  watching.kill('SIGINT');
  expect(await watching.finished).toBe(130);
});

test('a stop is in order: unready first, streams and held requests are answered, the session goes last', async () => {
  const servers = await testServers();
  await using nodes = await openNodes(servers);
  const { daemon, url } = await serve(servers, ['--lame-duck', '8s']);
  await using _daemon = daemon;
  await ready(url);
  const members = async () => (await nodes.session.getChildren(layout().members)).children.length;
  await expect.poll(members, WAIT).toBe(1);
  const events = (await fetch(`${url}/v1/watch`)).text();
  const index = (await fetch(`${url}/v1/services`)).headers.get('x-rollcall-index') ?? '0';
  const held = fetch(`${url}/v1/services/none/providers?index=${BigInt(index) + 1_000n}&wait=60s`);

  daemon.kill('SIGTERM');
  await expect.poll(() => statusOf(`${url}/readyz`), WAIT).toBe(503);
  expect(await statusOf(`${url}/v1/services`)).toBe(200);
  expect(await statusOf(`${url}/healthz`)).toBe(200);
  expect(await members()).toBe(1);
  expect(await events).toContain('event: goodbye');
  expect((await held).status).toBe(200);
  expect(await daemon.finished).toBe(143);
  expect(await members()).toBe(0);
});

test('a second signal ends it at once', async () => {
  const { daemon, url } = await serve(await testServers(), ['--lame-duck', '10m']);
  await using _daemon = daemon;
  await ready(url);
  daemon.kill('SIGINT');
  await daemon.says(/"the daemon is stopping"/);
  daemon.kill('SIGTERM');
  expect(await daemon.finished).toBe(143);
});

test('a Ctrl-C that npm passes on as well is one Ctrl-C: the stop is in order', async () => {
  const { daemon, url } = await serve(await testServers(), ['--lame-duck', '1s']);
  await using _daemon = daemon;
  await ready(url);
  daemon.kill('SIGINT');
  await daemon.says(/"the daemon is stopping"/);
  daemon.kill('SIGINT');
  await daemon.says(/"the daemon has stopped"/);
  expect(await daemon.finished).toBe(130);
});

test('ZooKeeper may be away at the start: it says so, and is ready when it comes', async () => {
  const servers = await testServers();
  const chroot = servers.slice(servers.indexOf('/'));
  await using proxy = await faultProxy({ target: sharedServers() });
  await proxy.cut();
  const { daemon, url } = await serve(`${proxy.address}${chroot}`);
  await using _daemon = daemon;
  expect(await statusOf(`${url}/healthz`)).toBe(200);
  const unready = await fetch(`${url}/readyz`);
  expect(unready.status).toBe(503);
  expect(await unready.text()).toContain('no complete view of ZooKeeper yet');
  expect(await (await fetch(`${url}/v1/services`)).json()).toMatchObject({ code: 'VIEW_SYNCING' });
  await proxy.heal();
  await ready(url);
  await using nodes = await openNodes(servers);
  const { services, overrides, derived, members, election } = layout();
  for (const path of [services, overrides, derived, members, election]) {
    await expect.poll(() => nodes.session.exists(path), WAIT).toBeDefined();
  }
});

test('it can be stopped while ZooKeeper is away', async () => {
  const { daemon, url } = await serve('127.0.0.1:1/x');
  await using _daemon = daemon;
  expect(await statusOf(`${url}/healthz`)).toBe(200);
  daemon.kill('SIGTERM');
  expect(await daemon.finished).toBe(143);
});

test('an address that is taken gives one line and 1', async () => {
  const servers = await testServers();
  const { daemon, url } = await serve(servers);
  await using _daemon = daemon;
  const http = new URL(url).host;
  const flags = ['--zookeeper', servers, '--http', http, '--log-level', 'silent'];
  await using second = rollcall(['serve', ...flags]);
  expect(await second.finished).toBe(1);
  expect(second.stderr).toBe(
    `rollcall: cannot listen on ${http}: somebody listens there already: stop it, or give another --http\n`,
  );
});

test('directories that may not be made end it with one line that says what to do', async () => {
  const servers = await testServers();
  await using nodes = await openNodes(servers);
  const { root, services } = layout();
  await nodes.session.ensurePath(root);
  await nodes.session.setAcl(root, [digestAcl('admin', 'secret')], -1);
  const { daemon } = await serve(servers);
  await using _daemon = daemon;
  expect(await daemon.finished).toBe(1);
  expect(daemon.stderr).toBe(
    `rollcall: ZooKeeper does not let us make ${services}: give --zookeeper-auth FILE with a user who may, or let an administrator make it\n`,
  );

  const auth = join(folder, 'auth');
  writeFileSync(auth, 'digest admin:secret\n');
  const allowed = await serve(servers, ['--zookeeper-auth', auth]);
  await using _allowed = allowed.daemon;
  await ready(allowed.url);
});

test('with tokens nobody reads without one', async () => {
  const tokens = join(folder, 'tokens.yaml');
  writeFileSync(tokens, '- {name: ann, role: read, token: open-sesame}\n');
  const { daemon, url } = await serve(await testServers(), ['--tokens', tokens]);
  await using _daemon = daemon;
  await ready(url);
  await using stranger = rollcall(['services', '--server', url]);
  expect(await stranger.finished).toBe(1);
  expect(stranger.stderr).toContain('answers 401 UNAUTHENTICATED');
  await using ann = rollcall(['services', '--server', url], {
    env: { ROLLCALL_TOKEN: 'open-sesame' },
  });
  expect([await ann.finished, ann.stdout]).toEqual([0, 'no services\n']);
});

test('what a config file says is what is served, and DNS is told not to be', async () => {
  const config = join(folder, 'rollcall.yaml');
  writeFileSync(
    config,
    `zookeeper: ${await testServers()}\nhttp: 127.0.0.1:0\nroot: /other\ndns: 127.0.0.1:7053\n`,
  );
  await using daemon = rollcall(['serve', '--config', config]);
  await daemon.says(/"root":"\/other".*"rollcall is serving"/);
  await daemon.says(/"level":"warn".*"DNS is not served by this release; say --dns off"/);
  daemon.kill('SIGTERM');
  expect(await daemon.finished).toBe(143);
});

test('/metrics has the process, the session and the view, each once', async () => {
  const { daemon, url } = await serve(await testServers());
  await using _daemon = daemon;
  await ready(url);
  const text = await (await fetch(`${url}/metrics`)).text();
  for (const name of [
    'process_cpu_seconds_total',
    'rollcall_session_state',
    'rollcall_view_state',
  ]) {
    expect(text.split(`# TYPE ${name} `)).toHaveLength(2);
  }
  expect(text).not.toMatch(/nodejs_active_\w+_total/);
  expect(text).toContain('rollcall_session_state{state="connected"} 1');
});

test('a client that never finishes its request does not keep the daemon', async () => {
  const { daemon, url } = await serve(await testServers(), ['--shutdown-grace', '200ms']);
  await using _daemon = daemon;
  await ready(url);
  const { hostname, port } = new URL(url);
  const socket = connect(Number(port), hostname);
  socket.on('error', () => undefined);
  socket.write('GET /v1/services HTTP/1.1\r\nhost: x\r\n');
  await new Promise(resolve => socket.once('connect', resolve));
  daemon.kill('SIGTERM');
  expect(await daemon.finished).toBe(143);
  socket.destroy();
});

test('two daemons list each other, and one of them is the master', async () => {
  const servers = await testServers();
  const [one, two] = [await serve(servers), await serve(servers)];
  await using _one = one.daemon;
  await using _two = two.daemon;
  const seen = async () => {
    const { members } = await ask(`${two.url}/v1/aggregators`, Aggregators);
    return members.map(({ address }) => address).toSorted();
  };
  await expect.poll(seen, WAIT).toEqual([one, two].map(({ url }) => new URL(url).host).toSorted());
  expect(await idsOf(one.url, 'nobody')).toEqual([]);
});

needs('openssl')(
  'over TLS the same, and a certificate that is none is refused by its flag',
  async () => {
    await using made = await certificates();
    const [cert, key] = [join(folder, 'tls.crt'), join(folder, 'tls.key')];
    writeFileSync(cert, made.server.cert);
    writeFileSync(key, made.server.key);
    const servers = await testServers();
    const { daemon, url } = await serve(servers, ['--tls-cert', cert, '--tls-key', key]);
    await using _daemon = daemon;
    expect(url).toMatch(/^https:/);
    const env = { NODE_EXTRA_CA_CERTS: made.caFile };
    await expect
      .poll(async () => {
        await using asked = rollcall(['services', '--server', url], { env });
        return [await asked.finished, asked.stdout];
      }, WAIT)
      .toEqual([0, 'no services\n']);
    await using stranger = rollcall(['services', '--server', url]);
    expect(await stranger.finished).toBe(3);

    await using wrong = rollcall([
      'serve',
      '--zookeeper',
      servers,
      '--tls-cert',
      key,
      '--tls-key',
      key,
    ]);
    expect(await wrong.finished).toBe(2);
    expect(wrong.stderr).toMatch(
      /^rollcall: --tls-cert \S+ and --tls-key \S+: not a certificate and its key in PEM .*\n$/,
    );
  },
);

realOnly('the embedded server has no TLS')(
  'to a ZooKeeper that wants TLS and a certificate, the daemon and its providers come with the flags for it',
  async () => {
    await using made = await certificates();
    const { zookeeper, servers } = await secureZooKeeper(made);
    await using _zookeeper = zookeeper;
    const [cert, key] = [join(folder, 'client.crt'), join(folder, 'client.key')];
    writeFileSync(cert, made.client.cert);
    writeFileSync(key, made.client.key);
    const identity = ['--zookeeper-tls-cert', cert, '--zookeeper-tls-key', key];
    const tls = ['--zookeeper-tls-ca', made.caFile, ...identity];
    const { daemon, url } = await serve(servers, tls);
    await using _daemon = daemon;
    await ready(url);
    const flags = ['--zookeeper', servers, '--id', 'h-1', '--port', '8080', ...tls];
    await using provider = rollcall(['register', 'hello', ...flags, '--', 'sleep', '600']);
    await untilIds(url, 'hello', ['h-1']);
    provider.kill('SIGTERM');
    await untilIds(url, 'hello', []);
  },
);

test.for([
  { dir: '/dev/null/history', why: 'ENOTDIR' },
  { dir: '/proc/history', why: 'ENOENT' },
])('a history directory that cannot be made is refused by its flag: $dir', async ({ dir, why }) => {
  const flags = ['--zookeeper', '127.0.0.1:1', '--http', '127.0.0.1:0', '--history-dir', dir];
  await using daemon = rollcall(['serve', ...flags]);
  expect(await daemon.finished).toBe(2);
  expect(daemon.stderr).toMatch(`rollcall: --history-dir ${dir}: it cannot be written to (${why})`);
  expect(daemon.stderr.match(/\n/g)).toHaveLength(1);
});

test('what nobody caught is logged, and ends the daemon with 1', async () => {
  const slip = "process.once('SIGUSR2', () => void Promise.reject(new Error('a slip')))";
  const preload = `--import=data:text/javascript,${encodeURIComponent(slip)}`;
  const flags = ['--zookeeper', '127.0.0.1:1', '--http', '127.0.0.1:0'];
  await using daemon = rollcall(['serve', ...flags], { env: { NODE_OPTIONS: preload } });
  await daemon.says(/"rollcall is serving"/);
  daemon.kill('SIGUSR2');
  expect(await daemon.finished).toBe(1);
  expect(daemon.stdout).toMatch(
    /"level":"error".*"error":"a slip".*"nobody caught this: the daemon ends"/,
  );
});
