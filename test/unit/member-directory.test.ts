import { expect, test } from 'vitest';
import { encodeMember, memberDirectory } from '../../src/aggregator/member-directory.ts';
import { layout } from '../../src/registry/index.ts';
import { mirrorNode } from '../support/mirror-node.ts';
import type { MirrorBatch, MirrorChange, MirrorNode } from '../../src/zookeeper/index.ts';

const where = layout();

const node = (path: string, czxid: bigint): MirrorNode =>
  mirrorNode(path, { czxid, ephemeralOwner: 1n });

const put = (path: string, czxid: bigint, data: Buffer | string): MirrorChange => ({
  kind: 'put',
  node: node(path, czxid),
  data: Buffer.from(data),
  previous: undefined,
});
const gone = (path: string): MirrorChange => ({ kind: 'gone', node: node(path, 1n), zxid: 99n });
const batch = (...changes: readonly MirrorChange[]): MirrorBatch => ({
  changes,
  watermarkBefore: 0n,
  eventAtMs: undefined,
  reason: 'watch',
});
const member = (
  name: string,
  czxid: bigint,
  id: string,
  view: 'live' | 'stale' = 'live',
): MirrorChange =>
  put(
    `${where.members}/${name}`,
    czxid,
    encodeMember({ id, address: `${id}:7070`, version: '1.0.0', view, at: '' }),
  );
const latch = (sequence: string, czxid: bigint, id: string): MirrorChange =>
  put(`${where.election}/_c_5f0c-latch-${sequence}`, czxid, id);

test('the members are listed by id, with the master that the lowest latch names', () => {
  const directory = memberDirectory(where, 'a');
  directory.apply(batch(member('m-0', 2n, 'b', 'stale'), member('m-1', 3n, 'a')));
  directory.apply(batch(latch('0000000010', 8n, 'a'), latch('0000000009', 7n, 'b')));
  expect(directory.snapshot('syncing')).toEqual({
    self: 'a',
    members: [
      {
        id: 'a',
        address: 'a:7070',
        version: '1.0.0',
        since: '1970-01-01T00:00:00.000Z',
        master: false,
        view: 'syncing',
      },
      {
        id: 'b',
        address: 'b:7070',
        version: '1.0.0',
        since: '1970-01-01T00:00:00.000Z',
        master: true,
        view: 'stale',
      },
    ],
    master: { id: 'b', token: 7n },
  });
  directory.apply(batch(gone(`${where.election}/_c_5f0c-latch-0000000009`)));
  expect(directory.snapshot('live').master).toEqual({ id: 'a', token: 8n });
});

test('a member that restarted is listed once, by its younger node', () => {
  const directory = memberDirectory(where, 'a');
  directory.apply(batch(member('m-2', 9n, 'b', 'live'), member('m-1', 3n, 'b', 'stale')));
  expect(directory.snapshot('live').members).toMatchObject([{ id: 'b', view: 'live' }]);
});

test('what is no member and no latch is passed over, and a newer release is read', () => {
  const directory = memberDirectory(where, 'a');
  expect(
    directory.apply(
      batch(
        put(`${where.members}/broken`, 1n, '{'),
        put(`${where.members}/alien`, 1n, '{"v":1}'),
        put(`${where.election}/notes`, 1n, ''),
        put(`${where.services}/x`, 1n, ''),
      ),
    ),
  ).toBe(false);
  expect(
    directory.apply(
      batch(put(`${where.members}/new`, 1n, '{"v":7,"id":"n","view":"warming","x":1}')),
    ),
  ).toBe(true);
  expect(directory.snapshot('live')).toMatchObject({
    members: [{ id: 'n', view: 'unknown', address: '' }],
    master: undefined,
  });
});

test('the snapshot is the same object until something changes', () => {
  const directory = memberDirectory(where, 'a');
  directory.apply(batch(member('m-0', 2n, 'a')));
  const snapshot = directory.snapshot('live');
  expect(directory.snapshot('live')).toBe(snapshot);
  expect(directory.snapshot('stale')).not.toBe(snapshot);
  directory.apply(batch(gone(`${where.members}/m-0`)));
  expect(directory.snapshot('stale').members).toEqual([]);
});
