import { expect, test } from 'vitest';
import { dnsObstacle, explain, type ExplainFacts } from '../../src/aggregator/explain.ts';
import type { HistoryEntry } from '../../src/aggregator/ports.ts';
import { listed } from '../support/derived-facts.ts';

const absent: ExplainFacts = {
  service: 'orders',
  id: 'a',
  state: { kind: 'live' },
  known: true,
  znodes: [],
  provider: undefined,
  suspect: undefined,
  override: undefined,
  unreadableOverride: undefined,
  unreadable: undefined,
  history: [],
};
const provider = listed('a');
const left: HistoryEntry = {
  seq: 1,
  at: '2026-01-01T00:00:00.000Z',
  service: 'orders',
  id: 'a',
  event: 'left',
  cause: 'crashed-or-expired',
  zxid: 5n,
  znode: provider.znode,
  detail: 'it went without having drained',
};
const suspect = {
  ...provider,
  vanishedAt: '2026-01-01T00:00:00.000Z',
  heldUntil: '2026-01-01T00:00:30.000Z',
  reason: '8 of 10 providers, of 8 sessions, vanished within 2000 ms without having drained',
};
const znode = (
  name: string,
  verdict: 'listed' | 'superseded' | 'conflict' | 'rejected',
  detail: string,
) => ({
  znode: name,
  czxid: 1n,
  sessionId: 5n,
  verdict,
  detail,
});

test.each<[string, Partial<ExplainFacts>, RegExp, { listed: boolean; inDefaultList: boolean }]>([
  ['is up', { provider }, /^listed: its znode is there/, { listed: true, inDefaultList: true }],
  [
    'drains',
    { provider: listed('a', { status: 'draining' }) },
    /its status is draining \(\?include=draining/,
    { listed: true, inDefaultList: false },
  ],
  [
    'fails its check',
    { provider: listed('a', { healthy: false }) },
    /its active check fails/,
    { listed: true, inDefaultList: false },
  ],
  [
    'was never seen',
    {},
    /no znode of orders has claimed the id a/,
    { listed: false, inDefaultList: false },
  ],
  [
    'has no service',
    { known: false },
    /has no directory in ZooKeeper/,
    { listed: false, inDefaultList: false },
  ],
  [
    'crashed',
    { history: [left] },
    /it left at 2026-01-01T00:00:00.000Z \(crashed-or-expired\): it went/,
    { listed: false, inDefaultList: false },
  ],
  [
    'is forgotten',
    { history: [{ ...left, event: 'joined' }] },
    /how it left is forgotten/,
    { listed: false, inDefaultList: false },
  ],
  [
    'is suspected',
    { suspect, history: [left] },
    /kept as a suspect from .* until 2026-01-01T00:00:30.000Z .* 8 of 10 providers/,
    { listed: false, inDefaultList: false },
  ],
  [
    'was rejected',
    { znodes: [znode('/x/a-1', 'rejected', 'port: too big')] },
    /\/x\/a-1 holds no provider record: port: too big/,
    { listed: false, inDefaultList: false },
  ],
  [
    'is asked for too early',
    { state: { kind: 'syncing' } },
    /no complete view yet/,
    { listed: false, inDefaultList: false },
  ],
])('the first sentence decides for one that %s', (_case, facts, first, flags) => {
  const explanation = explain({ ...absent, ...facts });
  expect(explanation.reasons[0]).toMatch(first);
  expect(explanation).toMatchObject(flags);
});

test('what an operator set is named with who, when and why', () => {
  const override = {
    drain: true,
    weight: 5,
    by: 'ann',
    at: '2026-01-01T00:00:00.000Z',
    reason: 'upgrade',
  };
  const listedOne = explain({ ...absent, provider, override }).reasons.join('\n');
  expect(listedOne).toContain(
    'an operator set: drained, weight 5 by ann at 2026-01-01T00:00:00.000Z: upgrade',
  );
  expect(explain({ ...absent, override }).reasons.join('\n')).toContain(
    'takes effect when it is listed',
  );
});

test('an override that cannot be read is named, with why, whether or not the provider is listed', () => {
  const unreadableOverride = 'invalid: weight: too big';
  const sentence =
    'the operator’s override cannot be read, and nothing of it is obeyed: invalid: weight: too big';
  expect(explain({ ...absent, provider, unreadableOverride }).reasons[1]).toBe(sentence);
  expect(explain({ ...absent, unreadableOverride }).reasons).toContain(sentence);
});

test('other znodes with the id, a weight of nothing, a stale view and a name that DNS cannot carry are mentioned', () => {
  const { reasons } = explain({
    ...absent,
    service: 'com.acme:Orders',
    state: { kind: 'stale', sinceWallMs: 0 },
    provider: listed('a', { weight: 0 }),
    znodes: [
      znode('/x/a-3', 'listed', ''),
      znode('/x/a-2', 'conflict', 'both for 60 s'),
      znode('/x/a-1', 'superseded', 'older'),
      znode('/x/a-0', 'rejected', 'not JSON'),
    ],
  });
  expect(reasons).toEqual([
    'listed: its znode is there and its status is up',
    'never picked: its weight is 0',
    'conflict: /x/a-2 claims the same id and stays: both for 60 s',
    'superseded: /x/a-1: older',
    'rejected: /x/a-0: not JSON',
    'the view is stale since 1970-01-01T00:00:00.000Z: ZooKeeper may say otherwise by now',
    'DNS cannot resolve the service: its name contains : or _, which a host name cannot',
  ]);
});

test.each([
  ['orders', undefined],
  ['a.b-c.D9', undefined],
  ['x'.repeat(63), undefined],
  ['x'.repeat(64), /64 characters/],
  ['a..b', /empty label/],
  ['a_b', /contains/],
  ['a:b', /contains/],
])('what keeps DNS from carrying %s is %s', (service, obstacle) => {
  if (obstacle === undefined) expect(dnsObstacle(service)).toBeUndefined();
  else expect(dnsObstacle(service)).toMatch(obstacle);
});
