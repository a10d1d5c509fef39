import { expect, test } from 'vitest';
import type { HistoryEntry } from '../../src/aggregator/ports.ts';
import {
  decodeLine,
  encodeAmendment,
  encodeEntry,
  historyReplay,
} from '../../src/aggregator/history-lines.ts';

const entry: HistoryEntry = {
  seq: 1,
  at: '2026-01-01T00:00:00.000Z',
  service: 'orders',
  id: 'a',
  event: 'left',
  cause: 'crashed-or-expired',
  zxid: 0x7fff_ffff_ffff_ffffn,
  znode: '/rollcall/services/orders/providers/a-0000000000',
  detail: 'a line\nbreak and "quotes"',
};

function replayed(lines: readonly string[]): readonly HistoryEntry[] {
  const replay = historyReplay();
  for (const line of lines) replay.take(line);
  return replay.entries();
}

test('an entry is one line and comes back whole', () => {
  const line = encodeEntry(entry);
  expect(line.indexOf('\n')).toBe(line.length - 1);
  expect(decodeLine(line)).toEqual({ kind: 'entry', entry });
  const bare = { ...entry, cause: undefined, znode: undefined, event: 'joined' as const };
  expect(decodeLine(encodeEntry(bare))).toEqual({ kind: 'entry', entry: bare });
});

test('an amendment applies to the entry that it names', () => {
  const amendment = { seq: 1, cause: 'deleted-by-other', detail: 'it came back' } as const;
  expect(replayed([encodeEntry(entry), encodeAmendment(amendment)])).toEqual([
    { ...entry, ...amendment },
  ]);
  expect(replayed([encodeAmendment(amendment)])).toEqual([]);
});

test('a line that is none of ours loses itself alone', () => {
  const second = { ...entry, seq: 2 };
  expect(
    replayed([encodeEntry(entry), '{"seq":', 'null', '{"seq":0}', encodeEntry(second)]),
  ).toEqual([entry, second]);
});

test('a run that began counting at 1 again is numbered on, its amendments too', () => {
  const again = { ...entry, id: 'b' };
  const amendment = { seq: 1, cause: 'deleted-by-other', detail: 'it came back' } as const;
  expect(
    replayed([encodeEntry(entry), encodeEntry(again), encodeAmendment(amendment)]),
  ).toMatchObject([
    { seq: 1, id: 'a', cause: 'crashed-or-expired' },
    { seq: 2, id: 'b', cause: 'deleted-by-other' },
  ]);
});
