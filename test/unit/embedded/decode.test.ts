import { expect, test } from 'vitest';
import { type Acl, OPEN_ACL } from '../../../src/embedded/acl.ts';
import { readAcl } from '../../../src/embedded/decode.ts';
import { writeAcl } from '../../../src/embedded/encode.ts';
import { JuteReader, JuteWriter } from '../../../src/kernel/jute.ts';

const anyone = { permissions: 31, scheme: 'world', id: 'anyone' };

/** As it is read, with a number behind it that must not be touched. */
function readBack(acls: readonly Acl[]) {
  const reader = new JuteReader(writeAcl(new JuteWriter(), acls).int(7).finish());
  const read = readAcl(reader);
  expect([reader.int(), reader.remainingBytes]).toEqual([7, 0]);
  return read;
}

test('the open ACL is one list for all the nodes that have it', () => {
  expect(readBack([{ ...anyone }])).toBe(OPEN_ACL);
});

test.for<{ acls: readonly Acl[] }>([
  { acls: [] },
  { acls: [{ ...anyone, permissions: 1 }] },
  { acls: [{ ...anyone, id: 'anyonf' }] },
  { acls: [{ ...anyone, id: '' }] },
  { acls: [anyone, anyone] },
  { acls: [{ ...anyone, scheme: undefined }] },
])('any other is read as it is: $acls', ({ acls }) => {
  expect(readBack(acls)).toEqual(acls);
});
