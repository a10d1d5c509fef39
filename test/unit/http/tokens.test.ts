import { createHash } from 'node:crypto';
import { expect, test } from 'vitest';
import { mayAct, readTokens } from '../../../src/http/tokens.ts';

const sha256 = createHash('sha256').update('known by its digest').digest('hex');

test('a table is YAML or JSON, with tokens or their digests', () => {
  const entries = [
    { name: 'ann', role: 'write', token: 'secret-of-ann' },
    { name: 'bob', role: 'admin', sha256: sha256.toUpperCase() },
  ];
  const yaml = `- {name: ann, role: write, token: secret-of-ann}\n- {name: bob, role: admin, sha256: ${sha256}}`;
  for (const text of [JSON.stringify(entries), yaml]) {
    const table = readTokens(text);
    expect(table.size).toBe(2);
    expect(table.find('secret-of-ann')).toEqual({ name: 'ann', role: 'write' });
    expect(table.find('known by its digest')).toEqual({ name: 'bob', role: 'admin' });
    expect(table.find('secret-of-bob')).toBeUndefined();
    expect(table.find(sha256)).toBeUndefined();
    expect(table.find('')).toBeUndefined();
  }
});

test.each([
  ['', /tokens file/],
  ['[]', /no token/],
  ['name: ann', /array/],
  ['- {name: ann, role: owner, token: secret-of-ann}', /0\.role/],
  ['- {name: ann, role: read}', /either token or sha256/],
  [`- {name: ann, role: read, token: secret-of-ann, sha256: ${sha256}}`, /either token or sha256/],
  ['- {name: ann, role: read, token: secret}', /at least 8/],
  ['- {name: ann, role: read, sha256: abc}', /64 hexadecimal/],
  ['- {name: ann, role: read, token: secret-of-ann, tokn: secret-of-bob}', /tokn/],
  ['- {name: ann, token: "secret-of-ann', /neither YAML nor JSON/],
])('the table %j is refused without a token in the words', (text, message) => {
  expect(() => readTokens(text)).toThrow(expect.objectContaining({ code: 'INVALID_CONFIG' }));
  expect(() => readTokens(text)).toThrow(message);
  expect(() => readTokens(text)).not.toThrow(/secret-of/);
});

test('a role includes those below it', () => {
  expect(mayAct('admin', 'read')).toBe(true);
  expect(mayAct('write', 'write')).toBe(true);
  expect(mayAct('write', 'admin')).toBe(false);
  expect(mayAct('read', 'write')).toBe(false);
});
