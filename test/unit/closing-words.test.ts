import { expect, test } from 'vitest';
import { closingWords } from '../../scripts/closing-words.mjs';

const three = 'it takes three servers';

test('a run of everything on a real ZooKeeper ends without a further word', () => {
  expect(closingWords([], undefined)).toBe('');
});

test('what was not run is named one by one, below its reason, with what to do about it at the very end', () => {
  const words = closingWords(
    [
      { file: 'test/chaos/a.test.ts', title: 'an ensemble goes on', why: three },
      { file: 'test/http/b.test.ts', title: 'the page is fine', why: 'promtool is missing' },
      { file: 'test/contract/c.test.ts', title: 'a group > goes on', why: three },
    ],
    'Install Java.',
  );
  const [before, rule, ...lines] = words.split('\n');
  expect(before).toBe('');
  expect(rule).toMatch(/^!{80}$/);
  expect(lines).toEqual([
    'NOT RUN: 3 tests',
    `  ${three}:`,
    '    test/chaos/a.test.ts > an ensemble goes on',
    '    test/contract/c.test.ts > a group > goes on',
    '  promtool is missing:',
    '    test/http/b.test.ts > the page is fine',
    'NO REAL ZOOKEEPER: what ran, ran on the embedded server alone.',
    'Install Java.',
    rule,
    '',
  ]);
});

test('that there was no real ZooKeeper is said also when every test that was chosen could be run', () => {
  expect(closingWords([], 'Install Java.')).toContain('\nNO REAL ZOOKEEPER: ');
});

test('with a real one, what was not run for another reason is told alone', () => {
  const words = closingWords([{ file: 'a', title: 'b', why: 'promtool is missing' }], undefined);
  expect(words).toContain('NOT RUN: 1 test\n');
  expect(words).not.toContain('ZOOKEEPER');
});
