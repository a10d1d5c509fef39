import { expect, test } from 'vitest';
import {
  applyOverride,
  encodeOverride,
  isConflict,
  makeConsumer,
  makeProvider,
  readOverride,
} from '../../src/registry/index.ts';
import { judge } from '../../src/registry/proof.ts';
import { repairPace } from '../../src/registry/repair-pace.ts';
import { manualClock } from '../../src/testing/index.ts';
import type { Stat } from '../../src/zookeeper/index.ts';

const base = { v: 1, id: 'a', service: 'orders', address: '10.0.0.1', port: 80 } as const;

test.each([
  { status: 'up', override: {}, becomes: 'up' },
  { status: 'up', override: { drain: true }, becomes: 'draining' },
  { status: 'starting', override: { drain: true }, becomes: 'draining' },
  { status: 'down', override: { drain: true }, becomes: 'down' },
  { status: 'up', override: { disabled: true, drain: true }, becomes: 'down' },
  { status: 'draining', override: { drain: false, disabled: false }, becomes: 'draining' },
] as const)(
  'a provider that is $status counts as $becomes under $override',
  ({ status, override, becomes }) => {
    expect(applyOverride(makeProvider({ ...base, status }), override).status).toBe(becomes);
  },
);

test('an override keeps what it does not name, unknown fields included, and the record itself', () => {
  const record = makeProvider({ ...base, region: 'eu', weight: 5 });
  expect(applyOverride(record, { weight: 9 })).toEqual({ ...record, weight: 9 });
  expect(record.weight).toBe(5);
  expect(applyOverride(record, { by: 'ann' })).toBe(record);
  expect(applyOverride(record, undefined)).toBe(record);
});

test.each([
  { text: '{"weight":5,"by":"ann"}', read: { weight: 5, by: 'ann' } },
  { text: '{"drain":true,"shape":"round"}', read: { drain: true } },
  { text: '{"weight":-1}', read: 'invalid' },
  { text: '{"disabled":"yes"}', read: 'invalid' },
  { text: '{', read: 'not-json' },
  { text: '[]', read: 'invalid' },
])('the override $text is read as $read', ({ text, read }) => {
  const parsed = readOverride(Buffer.from(text));
  expect(parsed.ok ? parsed.record : parsed.reason).toEqual(read);
});

test('an override is read as it was written', () => {
  const override = { weight: 0, disabled: true, reason: 'broken fan' };
  expect(readOverride(encodeOverride(override))).toEqual({ ok: true, record: override });
});

test('two nodes of one id are a conflict only when both stay', () => {
  expect(isConflict(0, 59_999)).toBe(false);
  expect(isConflict(0, 60_000)).toBe(true);
});

test('a consumer record says which field is at fault', () => {
  expect(() => makeConsumer({ v: 1, id: 'a', service: 'orders', consumer: '..' })).toThrow(
    expect.objectContaining({
      code: 'INVALID_RECORD',
      message: expect.stringContaining('consumer'),
    }),
  );
});

const stat: Stat = {
  czxid: 1n,
  mzxid: 1n,
  ctimeMs: 0,
  mtimeMs: 0,
  version: 0,
  cversion: 0,
  aversion: 0,
  ephemeralOwner: 7n,
  dataLengthBytes: 1,
  numChildren: 0,
  pzxid: 1n,
};
const says = (text: string) => ({ data: Buffer.from(text), stat });

test.each([
  { name: 'nothing is there', found: undefined, owner: 7n, verdict: 'missing' },
  { name: 'another session owns it', found: says('new'), owner: 8n, verdict: 'foreign-owner' },
  { name: 'it says what it should', found: says('new'), owner: 7n, verdict: 'ours' },
  { name: 'it says what we said before', found: says('old'), owner: 7n, verdict: 'outdated' },
  { name: 'it says what we never said', found: says('evil'), owner: 7n, verdict: 'overwritten' },
  { name: 'we have no session', found: says('new'), owner: undefined, verdict: 'foreign-owner' },
])('when $name the verdict is $verdict', ({ found, owner, verdict }) => {
  expect(judge(found, owner, Buffer.from('new'), [Buffer.from('older'), Buffer.from('old')])).toBe(
    verdict,
  );
});

test('the first repairs are made at once, further ones wait, and after a calm time at once again', async () => {
  const clock = manualClock();
  const pace = repairPace(clock, () => 1);
  const { signal } = new AbortController();
  for (let round = 0; round < 3; round += 1) await pace(signal);
  let isMade = false;
  const fourth = pace(signal).then(() => {
    isMade = true;
  });
  await clock.advance(100);
  expect(isMade).toBe(false);
  await clock.advance(5_000);
  await fourth;
  await clock.advance(10_001);
  await pace(signal);
  expect(clock.pendingTimers).toBe(0);
});
