import { expect, test } from 'vitest';
import { contendersOf, parseContender, standingOf } from '../../src/recipes/contenders.ts';
import { sequenceOf } from '../../src/registry/index.ts';
import { type TermEvent, violationsOf } from '../support/term-history.ts';

test.each([
  { node: '_c_2f0d-latch-0000000007', sequence: 7 },
  { node: 'anything at all latch-0000000007', sequence: 7 },
  { node: 'latch-latch-0000000007', sequence: 7 },
  { node: '_c_2f0d-latch--2147483648', sequence: -2_147_483_648 },
  { node: '_c_2f0d-latch--000000005', sequence: -5 },
  { node: '_c_2f0d-latch-7', sequence: undefined },
  { node: '_c_2f0d-lock-0000000007', sequence: undefined },
  { node: '_c_2f0d-latch-0000000007x', sequence: undefined },
  { node: '', sequence: undefined },
])('the contender $node has the sequence $sequence', ({ node, sequence }) => {
  expect(parseContender(node, 'latch-')?.sequence).toBe(sequence);
});

test('contenders stand in the order of their sequence, not of their names', () => {
  const children = [
    '_c_a-latch-0000000003',
    '_c_z-latch-0000000001',
    'stray',
    '_c_m-latch-0000000002',
  ];
  expect(contendersOf(children, 'latch-').map(({ sequence }) => sequence)).toEqual([1, 2, 3]);
});

test('after the counter wrapped around, the negative ones come after the positive ones', () => {
  const children = [
    'latch--2147483648',
    'latch-2147483646',
    'latch--2147483647',
    'latch-2147483647',
  ];
  expect(contendersOf(children, 'latch-').map(({ sequence }) => sequence)).toEqual([
    2_147_483_646, 2_147_483_647, -2_147_483_648, -2_147_483_647,
  ]);
});

test('each watches the one just before it', () => {
  const children = ['b-latch-0000000009', 'a-latch-0000000010', 'c-latch-0000000008'];
  const standing = (own: string) => standingOf(children, 'latch-', own);
  expect(standing('c-latch-0000000008')).toEqual({ kind: 'first' });
  expect(standing('b-latch-0000000009')).toEqual({ kind: 'behind', before: 'c-latch-0000000008' });
  expect(standing('a-latch-0000000010')).toEqual({ kind: 'behind', before: 'b-latch-0000000009' });
  expect(standing('d-latch-0000000011')).toEqual({ kind: 'absent' });
});

test.each([
  { node: '7f9c-0000000007', sequence: 7 },
  { node: '7f9c--2147483648', sequence: -2_147_483_648 },
  { node: '7f9c--000000005', sequence: -5 },
  { node: 'lock0000000007', sequence: 7 },
  { node: '7f9c', sequence: undefined },
])('the node $node ends with the sequence $sequence', ({ node, sequence }) => {
  expect(sequenceOf(node)).toBe(sequence);
});

const began = (member: string, token: bigint): TermEvent => ({ kind: 'began', member, token });
const ended = (member: string, token: bigint): TermEvent => ({ kind: 'ended', member, token });

test.each<{
  readonly name: string;
  readonly history: readonly TermEvent[];
  readonly violations: number;
}>([
  {
    name: 'one after the other',
    history: [began('a', 1n), ended('a', 1n), began('b', 2n)],
    violations: 0,
  },
  {
    name: 'after a disturbance',
    history: [began('a', 1n), { kind: 'disturbed', member: 'a' }, began('b', 2n)],
    violations: 0,
  },
  { name: 'two at a time', history: [began('a', 1n), began('b', 2n)], violations: 1 },
  {
    name: 'an old token',
    history: [began('a', 2n), ended('a', 2n), began('b', 1n)],
    violations: 1,
  },
  {
    name: 'the same token again',
    history: [began('a', 2n), ended('a', 2n), began('a', 2n)],
    violations: 1,
  },
])('in a history of terms, $name has $violations violations', ({ history, violations }) => {
  expect(violationsOf(history)).toHaveLength(violations);
});
