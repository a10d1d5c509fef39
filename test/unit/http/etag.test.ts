import { expect, test } from 'vitest';
import { etagOf, matchesEtag } from '../../../src/http/etag.ts';

const etag = etagOf(Buffer.from('body'));

test('equal bodies have equal tags, others have others', () => {
  expect(etagOf(Buffer.from('body'))).toBe(etag);
  expect(etagOf(Buffer.from('bodY'))).not.toBe(etag);
  expect(etag).toMatch(/^"[\w-]{22}"$/);
});

test.each([
  [etag, true],
  [`W/${etag}`, true],
  [` ${etag} `, true],
  [`"a", "b" , ${etag}`, true],
  [`"a,b",W/${etag}`, true],
  ['*', true],
  [' * ', true],
  ['"*"', false],
  ['"other"', false],
  [etag.slice(1, -1), false],
  [`"${etag}"`.slice(0, -2), false],
  ['', false],
  ['"', false],
])('If-None-Match: %s', (sent, expected) => {
  expect(matchesEtag(sent, etag)).toBe(expected);
});
