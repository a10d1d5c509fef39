import { expect, test } from 'vitest';
import { scriptedView, where } from '../support/scripted-view.ts';

test('of two nodes with one id the younger speaks, and the older again when the younger goes', () => {
  const { view, mirror, provider, gone, live, notices } = scriptedView();
  provider('orders', 'a', 10n, { node: 'n-1' });
  live(20n);
  provider('orders', 'a', 30n, { node: 'n-2', record: { port: 81 } });
  mirror.deliver({ watermark: 30n });
  expect(view.service('orders').providers).toMatchObject([
    { id: 'a', record: { port: 81 }, czxid: 30n },
  ]);
  gone('orders', 'n-2', 40n);
  mirror.deliver({ watermark: 40n });
  expect(view.service('orders').providers).toMatchObject([
    { id: 'a', record: { port: 80 }, czxid: 10n },
  ]);
  gone('orders', 'n-1', 50n);
  mirror.deliver({ watermark: 50n });
  expect(view.service('orders').providers).toEqual([]);
  const kinds = notices.flatMap(({ transitions }) =>
    transitions.map(t => (t.kind === 'left' ? `left ${t.how}` : t.kind)),
  );
  expect(kinds).toEqual(['left replaced', 'joined', 'left gone', 'joined', 'left gone']);
});

test('two sessions that keep one id are a conflict after a while, told once; one session alone is none', async () => {
  const { view, mirror, clock, provider, live, notices } = scriptedView();
  provider('orders', 'a', 10n, { node: 'n-1', ephemeralOwner: 1n });
  provider('orders', 'a', 11n, { node: 'n-2', ephemeralOwner: 2n });
  provider('orders', 'b', 12n, { node: 'm-1', ephemeralOwner: 1n });
  provider('orders', 'b', 13n, { node: 'm-2', ephemeralOwner: 1n });
  live(20n);
  expect(view.inspect('orders', 'a').znodes.map(({ verdict }) => verdict)).toEqual([
    'listed',
    'superseded',
  ]);
  await clock.advance(59_999);
  expect(notices).toEqual([]);
  await clock.advance(1);
  const told = notices.flatMap(({ transitions }) => transitions);
  expect(told).toMatchObject([
    { kind: 'conflict', id: 'a', other: `${where.providers('orders')}/n-1` },
  ]);
  expect(view.inspect('orders', 'a').znodes.map(({ verdict }) => verdict)).toEqual([
    'listed',
    'conflict',
  ]);
  mirror.remove(`${where.providers('orders')}/n-1`, 30n);
  mirror.deliver({ watermark: 30n });
  expect(view.inspect('orders', 'a').znodes.map(({ verdict }) => verdict)).toEqual(['listed']);
});

const conflictsIn = (notices: ReturnType<typeof scriptedView>['notices']) =>
  notices.flatMap(({ transitions }) => transitions.filter(({ kind }) => kind === 'conflict'));

test('a program that crashes and comes again, over and over, is no conflict with the sessions that it left behind', async () => {
  const { mirror, clock, provider, gone, live, notices } = scriptedView();
  provider('orders', 'a', 10n, { node: 'n-0', ephemeralOwner: 1n });
  live(10n);
  for (let at = 1; at <= 12; at += 1) {
    // Every ten seconds another session; the dead ones linger for twenty-five.
    await clock.advance(5_000);
    if (at >= 3) gone('orders', `n-${at - 3}`, BigInt(10 + 2 * at));
    mirror.deliver({ watermark: BigInt(10 + 2 * at) });
    await clock.advance(5_000);
    provider('orders', 'a', BigInt(11 + 2 * at), {
      node: `n-${at}`,
      ephemeralOwner: BigInt(at + 1),
    });
    mirror.deliver({ watermark: BigInt(11 + 2 * at) });
  }
  expect(conflictsIn(notices)).toEqual([]);
});

test('two that stay are a conflict though a third one comes and goes', async () => {
  const { mirror, clock, provider, gone, live, notices } = scriptedView();
  provider('orders', 'a', 10n, { node: 'n-1', ephemeralOwner: 1n });
  provider('orders', 'a', 11n, { node: 'n-2', ephemeralOwner: 2n });
  live(11n);
  for (let at = 3; at <= 9; at += 1) {
    provider('orders', 'a', BigInt(10 * at), { node: `n-${at}`, ephemeralOwner: BigInt(at) });
    mirror.deliver({ watermark: BigInt(10 * at) });
    await clock.advance(10_000);
    if (at === 9) break;
    gone('orders', `n-${at}`, BigInt(10 * at + 1));
    mirror.deliver({ watermark: BigInt(10 * at + 1) });
  }
  const other = `${where.providers('orders')}/n-2`;
  expect(conflictsIn(notices)).toMatchObject([{ id: 'a', other }]);
});

test('when one of two that stayed goes, those that are left begin anew', async () => {
  const { mirror, clock, provider, gone, live, notices } = scriptedView();
  provider('orders', 'a', 10n, { node: 'n-1', ephemeralOwner: 1n });
  provider('orders', 'a', 11n, { node: 'n-2', ephemeralOwner: 2n });
  live(11n);
  await clock.advance(50_000);
  provider('orders', 'a', 12n, { node: 'n-3', ephemeralOwner: 3n });
  gone('orders', 'n-1', 13n);
  mirror.deliver({ watermark: 13n });
  await clock.advance(59_999);
  expect(conflictsIn(notices)).toEqual([]);
  await clock.advance(1);
  const other = `${where.providers('orders')}/n-2`;
  expect(conflictsIn(notices)).toMatchObject([{ id: 'a', other }]);
});

test('the path decides to which service a node belongs, whatever its record says', () => {
  const { view, provider, live } = scriptedView();
  provider('orders', 'a', 10n, { record: { service: 'billing' } });
  live(20n);
  expect(view.service('orders').providers).toMatchObject([{ record: { service: 'orders' } }]);
  expect(view.has('billing')).toBe(false);
});

test('bytes that are no record are counted and explained, and harm nothing else', () => {
  const { view, provider, rejected, live } = scriptedView();
  provider('orders', 'a', 10n);
  provider('orders', 'b', 11n, { raw: '{"id":"b", broken' });
  provider('orders', 'c', 12n, { record: { port: 'eighty' } });
  provider('orders', 'd', 13n, { record: { status: 'resting' } });
  provider('orders', 'e', 14n, { raw: `["${'x'.repeat(2_000_000)}"]` });
  provider('orders', 'f', 15n, { raw: '' });
  provider('orders', 'g', 16n, { record: { v: 7, novel: { deep: [1] } } });
  live(20n);
  expect(view.service('orders').providers.map(({ id }) => id)).toEqual(['a', 'g']);
  expect(view.service('orders').providers[1]?.record).toMatchObject({ v: 7, novel: { deep: [1] } });
  expect(rejected).toEqual(['not-json', 'invalid', 'invalid', 'too-large', 'not-json']);
  expect(view.inspect('orders', 'b').znodes).toMatchObject([{ verdict: 'rejected' }]);
  expect(view.inspect('orders', 'c').znodes[0]?.detail).toMatch(/^invalid: port/);
});

test('a service whose name no service may have is counted, and not listed', () => {
  const { view, provider, rejected, live } = scriptedView();
  provider('or ders', 'a', 10n);
  live(20n);
  expect(rejected).toEqual(['name']);
  expect(view.services().services).toEqual([]);
});

test('a node whose bytes are no record any more has left, and comes back when they are', () => {
  const { view, mirror, provider, live, notices } = scriptedView();
  provider('orders', 'a', 10n);
  live(20n);
  provider('orders', 'a', 30n, { raw: 'rubbish' });
  mirror.deliver({ watermark: 30n });
  expect(view.service('orders').providers).toEqual([]);
  provider('orders', 'a', 40n);
  mirror.deliver({ watermark: 40n });
  expect(view.service('orders').counts.total).toBe(1);
  const kinds = notices.flatMap(({ transitions }) =>
    transitions.map(t => (t.kind === 'left' ? `left ${t.how}` : t.kind)),
  );
  expect(kinds).toEqual(['rejected', 'left rejected', 'joined']);
});

test('a service that went and could not be forgotten yet is forgotten later', () => {
  const { view, mirror, provider, gone, live } = scriptedView({ maxGoneServices: 1 });
  const override = `${where.overrides}/one/a`;
  for (const [at, name] of ['one', 'two', 'three'].entries()) provider(name, 'a', BigInt(10 + at));
  mirror.put(override, JSON.stringify({ drain: true }), { zxid: 15n });
  live(20n);
  let zxid = 20n;
  const goes = (name: string): void => {
    gone(name, 'a', ++zxid);
    mirror.remove(where.providers(name), ++zxid);
    mirror.remove(where.service(name), ++zxid);
    mirror.deliver({ watermark: zxid });
  };
  goes('one');
  goes('two');
  expect([...view.knownServices()]).toContain('one');
  mirror.remove(override, ++zxid);
  mirror.remove(`${where.overrides}/one`, ++zxid);
  mirror.deliver({ watermark: zxid });
  goes('three');
  expect([...view.knownServices()]).not.toContain('one');
});

test('the id that bytes name which are no record is the record’s own, not one of its metadata', () => {
  const { view, provider, live } = scriptedView();
  const raw = JSON.stringify({ metadata: { id: 'other' }, id: 'a', port: 'eighty' });
  provider('orders', 'a', 10n, { node: 'n', raw });
  live(20n);
  expect(view.inspect('orders', 'a').znodes).toMatchObject([{ verdict: 'rejected' }]);
  expect(view.inspect('orders', 'other').znodes).toEqual([]);
});

test('a node that changes its id in place makes the old id leave', () => {
  const { view, mirror, provider, live } = scriptedView();
  provider('orders', 'a', 10n, { node: 'n' });
  live(20n);
  provider('orders', 'b', 30n, { node: 'n' });
  mirror.deliver({ watermark: 30n });
  expect(view.service('orders').providers.map(({ id }) => id)).toEqual(['b']);
});

test('who says another id has left as one that was renamed: no younger node speaks for the old id', () => {
  const { mirror, provider, live, notices } = scriptedView();
  provider('orders', 'a', 10n, { node: 'n' });
  live(10n);
  provider('orders', 'b', 11n, { node: 'n', czxid: 10n });
  mirror.deliver({ watermark: 11n });
  const left = notices.flatMap(({ transitions }) => transitions.filter(t => t.kind === 'left'));
  expect(left).toMatchObject([{ id: 'a', how: 'renamed' }]);
});

test('an override that cannot be read any more is told and explained as such until it can be, or is gone', () => {
  const { view, mirror, provider, live, notices } = scriptedView();
  const path = `${where.overrides}/orders/a`;
  provider('orders', 'a', 10n);
  mirror.put(path, JSON.stringify({ disabled: true }), { zxid: 11n });
  live(12n);
  const tell = (text: string, zxid: bigint): void => {
    mirror.put(path, text, { zxid });
    mirror.deliver({ watermark: zxid });
  };
  const facts = () => view.inspect('orders', 'a');
  tell(JSON.stringify({ disabled: true, weight: 100_000 }), 13n);
  // The same on every replica, also on one that never saw the one before.
  expect(view.service('orders').providers[0]?.record.status).toBe('up');
  expect(facts().override).toBeUndefined();
  expect(facts().unreadableOverride).toMatch(/^invalid: weight/);
  tell('{', 14n);
  expect(facts().unreadableOverride).toMatch(/^not-json/);
  tell(JSON.stringify({ drain: true }), 15n);
  expect(facts()).toMatchObject({ override: { drain: true }, unreadableOverride: undefined });
  tell('{', 16n);
  mirror.remove(path, 17n);
  mirror.deliver({ watermark: 17n });
  expect(facts()).toMatchObject({ override: undefined, unreadableOverride: undefined });
  const told = notices.flatMap(({ transitions }) =>
    transitions.flatMap(t => (t.kind === 'override' ? [[t.override, t.unreadable]] : [])),
  );
  const unreadable = expect.any(String);
  expect(told).toEqual([
    [undefined, unreadable],
    [undefined, unreadable],
    [{ drain: true }, undefined],
    [undefined, unreadable],
    [undefined, undefined],
  ]);
});

test('an override is merged in, counts, moves the index, and outlives its provider', () => {
  const { view, mirror, provider, gone, live } = scriptedView();
  provider('orders', 'a', 10n);
  mirror.put(where.override('orders', 'a'), '{"drain":true,"weight":7}', { zxid: 11n });
  live(20n);
  expect(view.service('orders')).toMatchObject({ index: 11n, counts: { up: 0, draining: 1 } });
  expect(view.service('orders').providers).toMatchObject([
    { record: { weight: 7, status: 'draining' }, override: { drain: true } },
  ]);
  mirror.remove(where.override('orders', 'a'), 30n);
  mirror.deliver({ watermark: 30n });
  expect(view.service('orders')).toMatchObject({ index: 30n, counts: { up: 1, draining: 0 } });
  mirror.put(where.override('orders', 'a'), '{"disabled":true}', { zxid: 40n });
  gone('orders', 'a', 41n);
  mirror.deliver({ watermark: 41n });
  provider('orders', 'a', 42n, { node: 'again' });
  mirror.deliver({ watermark: 42n });
  expect(view.service('orders').providers).toMatchObject([{ record: { status: 'down' } }]);
});

test('an override that cannot be read is counted and not obeyed', () => {
  const { view, mirror, provider, rejected, live } = scriptedView();
  provider('orders', 'a', 10n);
  mirror.put(where.override('orders', 'a'), '{"weight":"heavy"}', { zxid: 11n });
  live(20n);
  expect(rejected).toEqual(['invalid']);
  expect(view.service('orders').counts.up).toBe(1);
});
