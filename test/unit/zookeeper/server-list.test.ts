import { expect, test } from 'vitest';
import { addressText, parseConnectString, rotation } from '../../../src/zookeeper/server-list.ts';

test.each([
  ['localhost', [{ host: 'localhost', port: 2181 }], ''],
  [
    'a:1,b:2',
    [
      { host: 'a', port: 1 },
      { host: 'b', port: 2 },
    ],
    '',
  ],
  [
    'a:1, b:2/x/y',
    [
      { host: 'a', port: 1 },
      { host: 'b', port: 2 },
    ],
    '/x/y',
  ],
  ['a:1/', [{ host: 'a', port: 1 }], ''],
  [
    '[::1]:2182,10.0.0.1',
    [
      { host: '::1', port: 2182 },
      { host: '10.0.0.1', port: 2181 },
    ],
    '',
  ],
  ['[fe80::1%eth0]', [{ host: 'fe80::1%eth0', port: 2181 }], ''],
])('%s names its servers and chroot', (text, servers, chroot) => {
  expect(parseConnectString(text)).toEqual({ servers, chroot });
});

test.each(['', ',', 'a,', 'a:b', 'a:0', 'a:65536', '::1', '[::1', 'a b', 'a/x//y', 'a/../x'])(
  '%j is refused',
  text => {
    expect(() => parseConnectString(text)).toThrow(
      expect.objectContaining({ code: 'INVALID_CONNECT_STRING' }),
    );
  },
);

test('a slash at the end of a chroot is dropped', () => {
  expect(parseConnectString('a/x/').chroot).toBe('/x');
});

test('an address is written as it is read', () => {
  expect(addressText({ host: '::1', port: 1 })).toBe('[::1]:1');
  expect(addressText({ host: 'a', port: 1 })).toBe('a:1');
});

test('a rotation takes every server in turn, in an order that chance decides', () => {
  const servers = [1, 2, 3].map(port => ({ host: 'h', port }));
  const ranks = [0.9, 0.1, 0.5];
  const turn = rotation(servers, () => ranks.shift() ?? 0);
  expect([1, 2, 3, 4].map(() => turn.next().port)).toEqual([2, 3, 1, 2]);
  expect(turn.size).toBe(3);
});
