import { expect, test } from 'vitest';
import { readProviderQuickly } from '../../src/aggregator/plain-record.ts';
import { MAX_JSON_DEPTH, nestsTooDeep } from '../../src/registry/json-depth.ts';
import { readProvider } from '../../src/registry/index.ts';

const nested = (levels: number): string => '['.repeat(levels) + ']'.repeat(levels);

test.each([
  ['nothing nested', '7', false],
  ['as deep as may be', nested(MAX_JSON_DEPTH), false],
  ['one level more', nested(MAX_JSON_DEPTH + 1), true],
  ['lists and objects in turn', `${'[{"a":'.repeat(40)}1${'}]'.repeat(40)}`, true],
  ['many side by side', `[${Array.from({ length: 500 }, () => '[{}]').join(',')}]`, false],
  ['brackets in a text', JSON.stringify(['[{'.repeat(200), '"\\[[']), false],
  ['deep behind a text with quotes', `["\\"]]]\\\\",${nested(MAX_JSON_DEPTH)}]`, true],
])('%s: is it too deep?', (_what, json, expected) => {
  expect(nestsTooDeep(json)).toBe(expected);
  expect(() => JSON.parse(json) as unknown).not.toThrow();
});

test('a record that nests too deep is refused, whoever reads it', () => {
  const bytes = Buffer.from(
    `{"v":1,"id":"a","service":"orders","address":"a","port":1,"more":${nested(30_000)}}`,
  );
  for (const read of [readProvider, readProviderQuickly]) {
    expect(read(bytes)).toMatchObject({ ok: false, reason: 'invalid' });
  }
});
