import { expect, test } from 'vitest';
import { causes } from '../../src/aggregator/causes.ts';
import { changeText, chronicle } from '../../src/aggregator/chronicle.ts';
import { historyRing } from '../../src/aggregator/history.ts';
import type { TransitionFacts, ViewTransition } from '../../src/aggregator/transitions.ts';
import type { MirrorBatch, MirrorChange, MirrorNode } from '../../src/zookeeper/index.ts';
import { listed } from '../support/derived-facts.ts';
import { mirrorNode } from '../support/mirror-node.ts';

const S = 0x5n;
const facts: TransitionFacts = {
  service: 'orders',
  id: 'a',
  znode: '/rollcall/services/orders/providers/a-0000000000',
  sessionId: S,
  czxid: 1n,
  zxid: 9n,
  reason: 'watch',
  atWallMs: Date.UTC(2026, 0, 1),
};
const left: ViewTransition = {
  ...facts,
  kind: 'left',
  previous: listed('a'),
  how: 'gone',
  drained: false,
};

const written = (path: string): MirrorNode => mirrorNode(path, { czxid: 1n, ephemeralOwner: S });

const batchOf = (...changes: readonly MirrorChange[]): MirrorBatch => ({
  changes,
  watermarkBefore: 0n,
  eventAtMs: 0,
  reason: 'watch',
});
const put = (path: string): MirrorChange => ({
  kind: 'put',
  node: written(path),
  data: Buffer.alloc(0),
  previous: undefined,
});

test('a judgement is taken back in the history when the session is seen alive', () => {
  const history = historyRing();
  const chronicler = chronicle(
    causes(() => false),
    history,
  );
  chronicler.apply(batchOf(put(facts.znode)));
  chronicler.apply(batchOf({ kind: 'gone', node: written(facts.znode), zxid: 9n }));
  expect(chronicler.note(left)).toBe('crashed-or-expired');
  expect(history.query({ limit: 1 })).toMatchObject([
    { event: 'left', cause: 'crashed-or-expired' },
  ]);
  chronicler.apply(batchOf(put(`${facts.znode}1`)));
  expect(history.query({ limit: 1 })).toMatchObject([
    { cause: 'deleted-by-other', detail: expect.stringContaining('0x5 was seen alive') },
  ]);
});

test('every transition becomes an entry with a sentence', () => {
  const history = historyRing();
  const chronicler = chronicle(
    causes(() => false),
    history,
  );
  const provider = listed('a');
  const all: readonly ViewTransition[] = [
    { ...facts, kind: 'joined', provider },
    { ...facts, kind: 'changed', provider: listed('a', { weight: 5 }), previous: provider },
    { ...facts, kind: 'rejected', detail: 'not JSON', previous: undefined },
    { ...facts, kind: 'conflict', provider, other: '/rollcall/x' },
    { ...facts, kind: 'suspected', previous: provider, detail: '8 of 10 vanished' },
    { ...facts, kind: 'released', previous: provider, detail: 'the hold lapsed' },
    {
      ...facts,
      kind: 'override',
      override: { drain: true, by: 'ann', reason: 'upgrade' },
      unreadable: undefined,
      previousOverride: undefined,
    },
    {
      ...facts,
      kind: 'override',
      override: undefined,
      unreadable: 'not JSON',
      previousOverride: { drain: true },
    },
    {
      ...facts,
      kind: 'override',
      override: undefined,
      unreadable: undefined,
      previousOverride: undefined,
    },
  ];
  for (const transition of all) expect(chronicler.note(transition)).toBeUndefined();
  const entries = history.query({ limit: 10 });
  expect(entries.map(({ event }) => event)).toEqual(all.map(({ kind }) => kind));
  expect(entries.map(({ detail }) => detail)).toEqual([
    'it joined: 10.0.0.5:80, up, owned by session 0x5',
    'weight: 100 → 5',
    'its znode holds no provider record: not JSON',
    '/rollcall/x claims the same id and stays; the younger one is listed',
    '8 of 10 vanished',
    'the hold lapsed',
    'an operator set: drained by ann: upgrade',
    'the operator’s override cannot be read, and nothing of it is obeyed: not JSON',
    'the operator’s override was removed',
  ]);
});

test('a change names the fields that differ, unknown ones too, and keeps to a bound', () => {
  const before = listed('a', { tags: ['x'] });
  expect(changeText(before, before)).toContain('without a difference');
  expect(changeText(before, listed('a', { tags: ['x', 'y'], load: 0.5 }))).toBe(
    'tags: ["x"] → ["x","y"]; load: nothing → 0.5',
  );
  const many = Object.fromEntries(
    Array.from({ length: 9 }, (_, at) => [`f${at}`, 'v'.repeat(500)]),
  );
  const text = changeText(listed('a'), listed('a', many));
  expect(text).toContain('and 4 more');
  expect(text.length).toBeLessThan(600);
  expect(changeText(listed('a'), listed('a', { healthy: false }))).toBe(
    'active check: not checked → failing',
  );
});
