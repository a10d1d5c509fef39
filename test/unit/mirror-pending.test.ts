import fc from 'fast-check';
import { expect, test } from 'vitest';
import { markBag, pathMarks } from '../../src/zookeeper/mirror-marks.ts';
import {
  GONE,
  LIST,
  type Need,
  NODE,
  WHOLE,
  type Note,
  pending,
} from '../../src/zookeeper/mirror-pending.ts';
import { watermark } from '../../src/zookeeper/mirror-watermark.ts';

function books(lastZxid = 100n) {
  const mark = watermark({ roots: ['/r'], lastZxid: () => lastZxid });
  mark.thaw();
  return { mark, noted: pending(mark) };
}

function note(path: string, need: Need, mark: bigint, reason: Note['reason'] = 'watch'): Note {
  return { path, need, mark, eventAtMs: Number(mark), reason, dataChanged: false };
}

test('a path that changes again before it is read is read once, with its older mark', () => {
  const { mark, noted } = books();
  noted.note(note('/r/a', NODE, 5n));
  noted.note(note('/r/a', LIST, 7n));
  expect(mark.value()).toBe(5n);
  expect(noted.take()).toMatchObject({
    need: { node: true, list: true, gone: false },
    mark: 5n,
    eventAtMs: 5,
  });
  expect(noted.take()).toBeUndefined();
});

test('a path that changes while it is read keeps the older mark until that read, and the newer one until the next', () => {
  const { mark, noted } = books();
  noted.note(note('/r/a', NODE, 5n));
  const first = noted.take();
  if (first === undefined) throw new Error('nothing was noted');
  noted.note(note('/r/a', NODE, 7n));
  expect([mark.value(), noted.take()]).toEqual([5n, undefined]);
  noted.finish(first);
  expect(mark.value()).toBe(7n);
  const second = noted.take();
  if (second === undefined) throw new Error('the second change was forgotten');
  noted.finish(second);
  expect([mark.value(), mark.pendingMark('/r'), noted.size]).toEqual([100n, undefined, 0]);
});

test.each([
  ['a creation', NODE, { node: true, gone: false }],
  ['a list', LIST, { node: true, list: true, gone: false }],
  ['another deletion', GONE, { gone: true, node: false }],
])('what came in after a deletion that was found decides: %s', (_what, need, wanted) => {
  const { mark, noted } = books();
  noted.note(note('/r/a', need, 9n));
  noted.noteEarlier(note('/r/a', GONE, 5n));
  expect(mark.value()).toBe(5n);
  expect(noted.take()).toMatchObject({ need: wanted, mark: 5n });
  expect(noted.take()).toBeUndefined();
});

test('a note that is put back keeps its mark, and what came in meanwhile decides', () => {
  const { mark, noted } = books();
  noted.note(note('/r/a', NODE, 5n));
  const read = noted.take();
  if (read === undefined) throw new Error('nothing was noted');
  noted.note(note('/r/a', GONE, 9n));
  expect(noted.arrived('/r/a')).toEqual(GONE);
  noted.putBack(read);
  expect(mark.pendingMark('/r/a')).toBe(5n);
  expect(noted.take()).toMatchObject({ need: GONE, mark: 5n });
});

test('the last of a deletion and a creation decides', () => {
  const { noted } = books();
  noted.note(note('/r/a', NODE, 1n));
  noted.note(note('/r/a', GONE, 2n));
  noted.note(note('/r/b', GONE, 3n));
  noted.note(note('/r/b', NODE, 4n));
  expect([noted.take()?.need, noted.take()?.need]).toEqual([GONE, NODE]);
});

test('children that come or go after a deletion are those of another node, which is read too', () => {
  const { noted } = books();
  noted.note(note('/r/a', GONE, 1n));
  noted.note(note('/r/a', LIST, 2n));
  expect(noted.take()).toMatchObject({
    need: { node: true, list: true, gone: false },
    mark: 1n,
  });
});

test('after missed events a deletion is only a reason to look, and what is new is read whole', () => {
  const { mark, noted } = books();
  noted.note(note('/r/a', GONE, 4n));
  noted.note(note('/r/b', NODE, 5n));
  noted.doubt();
  expect([noted.take()?.need, mark.value()]).toEqual([WHOLE, 4n]);
  expect(noted.take()?.need).toEqual(WHOLE);
});

test('a mark can be lowered while its path is read', () => {
  const { mark, noted } = books();
  noted.note(note('/r/a', NODE, 9n));
  const read = noted.take();
  if (read === undefined) throw new Error('nothing was noted');
  noted.lower('/r/a', 3n);
  noted.lower('/r/a', 8n);
  expect(mark.value()).toBe(3n);
  noted.finish(read);
  expect(mark.value()).toBe(100n);
});

test('repairs are counted until they are done, or an event takes them over', () => {
  const { noted } = books();
  noted.note(note('/r/a', NODE, 1n, 'audit'));
  noted.note(note('/r/b', NODE, 1n, 'audit'));
  expect(noted.repairs).toBe(2);
  noted.note(note('/r/a', NODE, 2n));
  expect(noted.repairs).toBe(1);
});

test('an event mark is the newest answer, or just below the zxid that the event carries, and never below W', () => {
  let lastZxid = 10n;
  const mark = watermark({ roots: ['/r'], lastZxid: () => lastZxid });
  mark.thaw();
  const event = (zxid: bigint | undefined) => mark.markOf({ type: 'created', path: '/r/a', zxid });
  expect([event(undefined), event(15n)]).toEqual([10n, 14n]);
  mark.add('/r/a', event(15n));
  expect(mark.value()).toBe(14n);
  expect(event(undefined)).toBe(14n);
  mark.freeze();
  lastZxid = 30n;
  expect([mark.value(), mark.pendingMark('/r/elsewhere')]).toEqual([14n, 14n]);
});

test('a bag of marks always knows its smallest', () => {
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.boolean(), fc.bigInt({ min: 0n, max: 8n })), {
        size: 'max',
        maxLength: 60,
      }),
      steps => {
        const bag = markBag();
        const model: bigint[] = [];
        for (const [isAdd, mark] of steps) {
          if (isAdd) {
            bag.add(mark);
            model.push(mark);
          } else {
            bag.remove(mark);
            const at = model.indexOf(mark);
            if (at >= 0) model.splice(at, 1);
          }
          expect(bag.min()).toBe(model.toSorted((a, b) => Number(a - b))[0]);
        }
      },
    ),
  );
});

test('the marks of a part of the tree are those at or below it, also above several roots', () => {
  const marks = pathMarks(['/r/a', '/r/b']);
  marks.add('/r/a/x/1', 5n);
  marks.add('/r/b/y', 3n);
  expect(
    ['/', '/r', '/r/a', '/r/a/x', '/r/a/x/1', '/r/a/x/12', '/r/b', '/r/a/y'].map(marks.min),
  ).toEqual([3n, 3n, 5n, 5n, 5n, undefined, 3n, undefined]);
  marks.remove('/r/b/y', 3n);
  expect(marks.min('/r')).toBe(5n);
  const whole = pathMarks(['/']);
  whole.add('/x/y', 2n);
  expect(['/', '/x', '/x/y', '/z'].map(whole.min)).toEqual([2n, 2n, 2n, undefined]);
});

test('a deletion remembers that a change of the data was announced and never read', () => {
  const { noted } = books();
  noted.note({ ...note('/r/a', NODE, 5n), dataChanged: true });
  const inFlight = noted.take();
  noted.note(note('/r/a', GONE, 7n));
  expect(noted.dataChanged('/r/a')).toBe(true);
  if (inFlight !== undefined) noted.putBack(inFlight, GONE);
  expect(noted.take()).toMatchObject({ need: GONE, dataChanged: true });
});

test('a change of the data that was read is forgotten', () => {
  const { noted } = books();
  noted.note({ ...note('/r/a', NODE, 5n), dataChanged: true });
  const inFlight = noted.take();
  if (inFlight !== undefined) noted.finish(inFlight);
  noted.note(note('/r/a', GONE, 7n));
  expect(noted.dataChanged('/r/a')).toBe(false);
});
