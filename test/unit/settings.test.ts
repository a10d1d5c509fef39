import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { daemonConfig } from '../../src/daemon/config.ts';
import { gatherSources } from '../../src/daemon/config-file.ts';
import { ServeFlags } from '../../src/daemon/serve-flags.ts';
import { type RawValue, readSettings } from '../../src/daemon/settings.ts';
import { hasCode } from '../../src/kernel/errors.ts';

const folder = mkdtempSync(join(tmpdir(), 'rollcall-settings-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

let files = 0;
function file(text: string, name = `f${(files += 1)}.yaml`): string {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
}

interface Given {
  readonly flags?: Record<string, RawValue>;
  readonly env?: Record<string, string>;
}

function load({ flags = {}, env = {} }: Given, foreign: readonly string[] = []) {
  const needed = { zookeeper: 'zk:2181' };
  const sources = gatherSources({ ...needed, ...flags }, env);
  return daemonConfig(readSettings(ServeFlags, sources, foreign));
}

function failure(given: Given): string {
  try {
    load(given);
  } catch (error) {
    expect(hasCode(error, 'INVALID_CONFIG')).toBe(true);
    return error instanceof Error ? error.message : '';
  }
  return 'it was accepted';
}

test('the defaults are those of the contract', () => {
  expect(load({})).toMatchObject({
    zookeeper: { kind: 'ensemble', servers: 'zk:2181' },
    session: { timeoutMs: 10_000 },
    demo: false,
    root: '/rollcall',
    http: { host: '127.0.0.1', port: 7070 },
    dns: 'unsaid',
    domain: 'rollcall',
    advertise: { host: '127.0.0.1', port: 7070 },
    logLevel: 'info',
    protection: { enabled: true, ratio: 0.7, holdMs: 30_000 },
    metricsServices: 5_000,
    auditEveryMs: 300_000,
    lameDuckMs: 0,
    shutdownGraceMs: 10_000,
    openWrites: 'this-machine',
  });
});

test('a flag goes before the environment, which goes before the file, which goes before the default', () => {
  const config = file('http: 127.0.0.1:1\nroot: /file\nsession-timeout: 1s\n');
  const env = { ROLLCALL_CONFIG: config, ROLLCALL_HTTP: '127.0.0.1:2', ROLLCALL_ROOT: '/env' };
  expect(load({ env, flags: { http: '127.0.0.1:3' } })).toMatchObject({
    http: { port: 3 },
    root: '/env',
    session: { timeoutMs: 1_000 },
    domain: 'rollcall',
  });
});

test('the configuration is frozen, all the way to where it goes', () => {
  const config = load({});
  for (const part of [
    config,
    config.zookeeper,
    config.session,
    config.http,
    config.protection,
    config.advertise,
  ]) {
    expect(Object.isFrozen(part)).toBe(true);
  }
});

test('a JSON file is read like a YAML one, and false is off', () => {
  const config = file('{"protection": false, "metrics-services": 7, "insecure": true}', 'c.json');
  expect(load({ flags: { config } })).toMatchObject({
    protection: { enabled: false },
    metricsServices: 7,
    openWrites: 'everybody',
  });
});

test('an empty variable counts as not given', () => {
  expect(load({ env: { ROLLCALL_HTTP: '' } }).http.port).toBe(7070);
});

test('what Kubernetes injects for a service called rollcall is not taken for a flag', () => {
  const env = { ROLLCALL_HTTP: 'tcp://10.0.0.7:7070', ROLLCALL_SERVICE_HOST: '10.0.0.7' };
  expect(load({ env }).http.port).toBe(7070);
});

test.for([
  [{ flags: { 'session-timeout': '10x' } }, '--session-timeout "10x": a duration looks like'],
  [
    { env: { ROLLCALL_HTTP: '7070' } },
    'ROLLCALL_HTTP "7070": an address looks like 127.0.0.1:7070',
  ],
  [{ flags: { root: 'rollcall' } }, '--root "rollcall": a root looks like /rollcall'],
  [{ flags: { root: '/a/../b' } }, '--root "/a/../b": a root looks like'],
  [{ flags: { root: '/' } }, '--root "/": a root looks like'],
  [{ flags: { 'log-level': 'loud' } }, '--log-level "loud": give one of debug, info'],
  [{ flags: { 'protection-ratio': '1.5' } }, '--protection-ratio "1.5": give a share above 0'],
  [{ flags: { 'protection-ratio': '0' } }, '--protection-ratio "0": give a share above 0'],
  [{ flags: { 'metrics-services': '-1' } }, '--metrics-services "-1": give a whole number from 0'],
  [
    { flags: { embedded: true } },
    '--zookeeper and --embedded exclude each other: leave one of them',
  ],
  [{ env: { ROLLCALL_EMBEDDED: 'true' } }, '--zookeeper and --embedded exclude each other'],
  [
    { flags: { 'data-dir': '/x' } },
    '--data-dir is about the embedded server: leave it out beside --zookeeper (ROLLCALL_ZOOKEEPER and the config file count, too)',
  ],
  [{ env: { ROLLCALL_EMBEDDED_LISTEN: '127.0.0.1:1' } }, '--embedded-listen is about the embedded'],
  [{ flags: { 'embedded-listen': '2181' } }, '--embedded-listen "2181": an address looks like'],
  [{ env: { ROLLCALL_DEMO: 'some' } }, 'ROLLCALL_DEMO="some": give true or false'],
  [{ flags: { zookeeper: 'a:1:2' } }, '--zookeeper: the connect string "a:1:2" is not valid'],
  [{ flags: { 'tls-cert': '/nowhere.pem' } }, '--tls-cert needs --tls-key too'],
  [{ flags: { tokens: '/nowhere' } }, '--tokens /nowhere: it cannot be read (ENOENT)'],
  [{ env: { ROLLCALL_INSECURE: 'maybe' } }, 'ROLLCALL_INSECURE="maybe": give true or false'],
] satisfies [Given, string][])(
  '%j is refused by name, with what to give instead',
  ([given, words]) => {
    expect(failure(given)).toContain(words);
  },
);

test('an unknown key of the file is refused with the one that was meant', () => {
  const config = file('sesion-timeout: 10s\n');
  expect(failure({ flags: { config } })).toContain(
    `${config}: there is no setting "sesion-timeout" (did you mean session-timeout?)`,
  );
  const camel = file('sessionTimeout: 10s\n');
  expect(failure({ flags: { config: camel } })).toContain('did you mean session-timeout?');
});

test('keys of other commands may stand in the shared file', () => {
  const config = file('server: http://127.0.0.1:7070\n');
  expect(load({ flags: { config } }, ['server']).root).toBe('/rollcall');
  expect(failure({ flags: { config } })).toContain('there is no setting "server"');
});

test('a file that is no map, or not to be parsed, is refused by its name', () => {
  const list = file('- a\n');
  expect(failure({ flags: { config: list } })).toContain(`--config ${list}: give a map`);
  const broken = file('http: [1, 2');
  expect(failure({ flags: { config: broken } })).toContain(
    `--config ${broken}: neither YAML nor JSON`,
  );
});

function embedded(flags: Record<string, RawValue>, env: Record<string, string> = {}) {
  return daemonConfig(readSettings(ServeFlags, gatherSources(flags, env)));
}

test('serve without a ZooKeeper starts none, and says what to give', () => {
  expect(() => embedded({})).toThrow(
    /^--zookeeper is missing: say which ZooKeeper: --zookeeper host:port.*or say --embedded/,
  );
  expect(() => embedded({ 'data-dir': '/x' }, { ROLLCALL_EMBEDDED: 'false' })).toThrow(
    '--zookeeper is missing',
  );
});

test('the embedded server is on loopback and in memory, if nothing else is said', () => {
  const listen = { host: '127.0.0.1', port: 2181 };
  expect(embedded({ embedded: true }).zookeeper).toEqual({ kind: 'embedded', listen });
});

test('the embedded server is set by the environment and the file, as all is', () => {
  const config = file(
    'embedded: true\ndata-dir: /file\nembedded-listen: 127.0.0.1:1\ndemo: true\n',
  );
  const env = { ROLLCALL_CONFIG: config, ROLLCALL_DATA_DIR: '/env' };
  expect(embedded({ 'embedded-listen': '[::1]:3' }, env)).toMatchObject({
    zookeeper: { kind: 'embedded', listen: { host: '::1', port: 3 }, dataDir: '/env' },
    demo: true,
  });
});

test('others reach the embedded server only when that is said to be meant', () => {
  const open = { embedded: true, 'embedded-listen': '0.0.0.0:2181' };
  expect(() => embedded(open)).toThrow(
    /^--embedded-listen 0\.0\.0\.0:2181: others can reach this address.*--insecure/,
  );
  expect(embedded({ ...open, insecure: true }).zookeeper).toMatchObject({
    listen: { host: '0.0.0.0' },
  });
});

test('the embedded server has no TLS', () => {
  expect(() => embedded({ embedded: true, 'zookeeper-tls-ca': 'ca.pem' })).toThrow(
    '--zookeeper-tls-ca: the embedded server has no TLS',
  );
});

test('the auth file gives credentials, and no message ever holds them', () => {
  const auth = file('# who we are\ndigest ann:secret\nbob:sec:ret\n');
  expect(load({ flags: { 'zookeeper-auth': auth } }).session.auth).toEqual([
    { scheme: 'digest', credentials: 'ann:secret' },
    { scheme: 'digest', credentials: 'bob:sec:ret' },
  ]);
  const wrong = file('ann secret\n');
  const message = failure({ flags: { 'zookeeper-auth': wrong } });
  expect(message).toContain('a line is not "digest user:password"');
  expect(message).not.toContain('secret');
  expect(failure({ flags: { 'zookeeper-auth': file('\n') } })).toContain('it has no line');
});

test('beyond loopback nobody writes without tokens, unless it is said so', () => {
  expect(load({ flags: { http: '0.0.0.0:7070' } }).openWrites).toBe('nobody');
  expect(load({ flags: { http: '0.0.0.0:7070', insecure: true } }).openWrites).toBe('everybody');
  expect(load({ flags: { http: '[::1]:7070' } }).openWrites).toBe('this-machine');
});

test('a daemon on every address does not advertise 0.0.0.0', () => {
  const { advertise } = load({ flags: { http: '0.0.0.0:7071' } });
  expect(advertise.host).not.toBe('0.0.0.0');
  expect(advertise.port).toBe(7071);
});

test('DNS is accepted: off, an address, or nothing said', () => {
  expect(load({ flags: { dns: 'off' } }).dns).toBe('off');
  expect(load({ flags: { dns: '127.0.0.1:7053' } }).dns).toBe('asked');
  expect(failure({ flags: { dns: 'yes' } })).toContain('--dns "yes"');
});
