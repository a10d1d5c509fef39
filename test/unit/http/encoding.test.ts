import { expect, test } from 'vitest';
import type { FeedBatch, FeedEvent } from '../../../src/aggregator/ports.ts';
import { bodyCache, encoded } from '../../../src/http/encoded.ts';
import { batchChunks, eventLines } from '../../../src/http/sse.ts';
import {
  pickedSuspectJson,
  providerJson,
  serviceItemJson,
  suspectJson,
} from '../../../src/http/wire.ts';
import { listed, suspect } from '../../support/fake-aggregator.ts';

const joined = (id: string, text = ''): FeedEvent => ({
  type: 'joined',
  service: 'orders',
  index: 7n,
  provider: listed('orders', { id, metadata: { text } }, 7n),
});

test('a provider is encoded once for as long as it lives', () => {
  let reads = 0;
  const base = listed('orders', { id: 'o-1' }, 7n);
  const provider = {
    ...base,
    get record() {
      reads += 1;
      return base.record;
    },
  };
  expect(providerJson(provider)).toBe(providerJson(provider));
  expect(reads).toBe(1);
});

test('a line of the list of services is encoded once for as long as it lives, its index as a text', () => {
  let reads = 0;
  const counts = { total: 1, up: 1, starting: 0, draining: 0, down: 0, unhealthy: 0, suspects: 0 };
  const line = {
    name: 'or"ders',
    index: 2n ** 60n,
    get counts() {
      reads += 1;
      return counts;
    },
  };
  expect(JSON.parse(serviceItemJson(line))).toEqual({
    name: 'or"ders',
    index: '1152921504606846976',
    counts,
  });
  expect(serviceItemJson(line)).toBe(serviceItemJson(line));
  expect(reads).toBe(1);
});

test('a record’s unknown field does not speak for the view', () => {
  const provider = listed('orders', { id: 'o-1', czxid: '1', znode: '/forged', colour: 'red' }, 7n);
  const text = providerJson(provider);
  expect(JSON.parse(text)).toMatchObject({ czxid: '7', znode: provider.znode, colour: 'red' });
  expect(text.match(/"znode"/g)).toHaveLength(1);
});

test('a picked suspect says that it is one', () => {
  const picked = JSON.parse(pickedSuspectJson(suspect('orders', { id: 'o-1' }, 7n)));
  expect(picked).toMatchObject({
    id: 'o-1',
    czxid: '7',
    suspect: true,
    reason: '8 of 10 vanished',
  });
});

test.each([{}, { reason: 'own', vanishedAt: 'own' }, { metadata: { reason: 'own' } }])(
  'a suspect with the fields %j is encoded as it was listed, and says since when and why it is held',
  more => {
    const alone = suspect('orders', { id: 'o-1', zone: 'ü', ...more }, 7n);
    const known = { ...alone, last: listed('orders', { id: 'o-1', zone: 'ü', ...more }, 7n) };
    expect(suspectJson(known)).toBe(suspectJson(alone));
    const { vanishedAt, heldUntil, reason } = alone;
    expect(JSON.parse(suspectJson(known))).toMatchObject({ vanishedAt, heldUntil, reason });
  },
);

test('a body is encoded once for each snapshot and filter, and only so many filters are kept', () => {
  const cache = bodyCache<{ readonly name: string }>();
  const snapshot = { name: 'a' };
  let made = 0;
  const get = (key: string, of = snapshot) =>
    cache.get(of, key, () => {
      made += 1;
      return encoded(1n, '{}');
    });
  expect(get('')).toBe(get(''));
  expect(made).toBe(1);
  expect(get('', { name: 'a' })).not.toBe(get(''));
  const first = get('zone=0');
  expect(get('zone=0')).toBe(first);
  for (let at = 1; at <= 16; at += 1) get(`zone=${at}`);
  made = 0;
  get('');
  get('zone=16');
  expect(made).toBe(0);
  get('zone=0');
  expect(made).toBe(1);
});

test('an event’s bytes are shared by every batch that it is in', () => {
  const event = joined('o-1');
  expect(eventLines(event)).toBe(eventLines(event));
  const batch: FeedBatch = { id: 9n, events: [event] };
  expect(batchChunks(batch)).toBe(batchChunks(batch));
});

test('the id stands in the last event of a batch, and alone in an empty one', () => {
  const text = (batch: FeedBatch): string => Buffer.concat(batchChunks(batch)).toString();
  const blocks = text({ id: 9n, events: [joined('a'), joined('b'), joined('c')] }).split('\n\n');
  expect(blocks.map(block => /^id: 9$/m.test(block))).toEqual([false, false, true, false]);
  expect(blocks[3]).toBe('');
  expect(text({ id: 9n, events: [] })).toBe('id: 9\n\n');
});

test('small events are put together, large ones are sent as they are', () => {
  const small = Array.from({ length: 100 }, (_, at) => joined(`p-${at}`));
  expect(batchChunks({ id: 9n, events: small })).toHaveLength(1);
  const large = joined('large', 'x'.repeat(4_000));
  const provider = large.type === 'joined' ? large.provider : undefined;
  const snapshot: FeedEvent = {
    type: 'snapshot',
    service: 'orders',
    index: 7n,
    providers: Array.from({ length: 50 }, () => provider).filter(one => one !== undefined),
    suspects: [],
  };
  const chunks = batchChunks({ id: 9n, events: [joined('a'), snapshot, joined('b')] });
  expect(chunks).toContain(eventLines(snapshot));
});

test('no field of a record can end an event before its time', () => {
  const lines = eventLines(joined('o-1', 'a\n\nevent: left\r\ndata: {}\u2028\n')).toString();
  expect(lines.match(/\n/g)).toHaveLength(2);
  expect(lines.match(/\r/g)).toBeNull();
});
