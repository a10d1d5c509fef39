import { Registry } from 'prom-client';
import { expect, test } from 'vitest';
import {
  CREATOR_ALL_ACL,
  checkAcl,
  digestAcl,
  OPEN_ACL,
  permission,
} from '../../../src/zookeeper/acl.ts';
import { ephemeralBudget } from '../../../src/zookeeper/ephemeral-budget.ts';
import { mirrorMetrics, sessionMetrics } from '../../../src/zookeeper/metrics.ts';
import { checkPath, chroot, nameOf, parentOf } from '../../../src/zookeeper/path.ts';
import { serverError } from '../../../src/zookeeper/server-errors.ts';

test('a digest ACL is what ZooKeeper generates', () => {
  // What ZooKeeper's own DigestAuthenticationProvider prints for `super:secret`.
  expect(digestAcl('super', 'secret', permission.read)).toEqual({
    permissions: 1,
    scheme: 'digest',
    id: 'super:lK75jTNcA+U9vtVEw5vB51mj/w4=',
  });
});

test('an ACL without an entry, or with impossible permissions, is refused', () => {
  expect(checkAcl(OPEN_ACL)).toBe(OPEN_ACL);
  expect(checkAcl(CREATOR_ALL_ACL)).toBe(CREATOR_ALL_ACL);
  const wrong = [
    [],
    [{ permissions: 0, scheme: 'world', id: 'anyone' }],
    [{ permissions: 32, scheme: 'world', id: 'anyone' }],
    [{ permissions: 1, scheme: '', id: '' }],
  ];
  for (const acl of wrong)
    expect(() => checkAcl(acl)).toThrow(expect.objectContaining({ code: 'INVALID_ACL' }));
});

test('paths are checked by ZooKeeper’s own rules', () => {
  for (const path of ['/', '/a', '/a/b-c_d.e', '/ä/服务', '/...'])
    expect(checkPath(path)).toBe(path);
  for (const path of [
    '',
    'a',
    '/a/',
    '//a',
    '/.',
    '/a/..',
    '/a\u0001',
    '/a\u007f',
    '/\ufff5',
    '/\ud800',
  ])
    expect(() => checkPath(path)).toThrow(expect.objectContaining({ code: 'INVALID_PATH' }));
  expect(checkPath('/queue/', true)).toBe('/queue/');
});

test('a chroot is put before a path and taken off again', () => {
  const inside = chroot('/app');
  for (const [client, server] of [
    ['/', '/app'],
    ['/a', '/app/a'],
  ] as const) {
    expect(inside.toServer(client)).toBe(server);
    expect(inside.toClient(server)).toBe(client);
  }
  expect(inside.toClient('/apple')).toBe('/apple');
  expect([parentOf('/a/b'), parentOf('/a'), nameOf('/a/b')]).toEqual(['/a', '/', 'b']);
});

test('codes of ZooKeeper have a name, or are SERVER_ERROR with the number', () => {
  expect(serverError(-101, 'getData', '/n')).toMatchObject({
    code: 'NO_NODE',
    details: { zookeeperCode: -101, path: '/n' },
  });
  expect(serverError(-125, 'create')).toMatchObject({
    code: 'SERVER_ERROR',
    details: { zookeeperCode: -125 },
  });
});

test('the ephemeral budget counts what is there, what is under way, and asks near the limit', async () => {
  const budget = ephemeralBudget(path => path, 100);
  const none = async (): Promise<readonly string[]> => [];
  const [first] = await budget.reserve(['/12345'], none);
  expect(budget.bytes).toBe(20);
  first?.created('/12345');
  expect(budget.bytes).toBe(10);
  const [second] = await budget.reserve([`/${'x'.repeat(60)}`], none);
  await expect(budget.reserve(['/1234567890'], async () => ['/12345'])).rejects.toMatchObject({
    code: 'EPHEMERAL_LIMIT',
  });
  second?.release();
  second?.release();
  expect(budget.bytes).toBe(10);
  budget.removed('/12345');
  budget.removed('/12345');
  expect(budget.bytes).toBe(0);
});

test('session and mirror metrics say the state, and what comes near the limit', async () => {
  const register = new Registry();
  const session = sessionMetrics(register);
  const mirror = mirrorMetrics(register);
  session.entered('connected', 1);
  session.entered('suspended', 1);
  for (const share of [0.1, 0.5, 0.79, 0.8, 1.2]) session.packet(share);
  mirror.nodes(7);
  mirror.drift(2);
  mirror.childList(0.9);
  const text = await register.metrics();
  for (const line of [
    'rollcall_session_state{state="suspended"} 1',
    'rollcall_session_state{state="connected"} 0',
    'rollcall_session_transitions_total{to="connected"} 1',
    'rollcall_session_epoch 1',
    'rollcall_session_packets_near_limit_total{level="warning"} 2',
    'rollcall_session_packets_near_limit_total{level="alarm"} 2',
    'rollcall_mirror_nodes 7',
    'rollcall_mirror_drift_total 2',
    'rollcall_mirror_child_lists_near_limit_total{level="alarm"} 1',
  ]) {
    expect(text).toContain(`${line}\n`);
  }
});
