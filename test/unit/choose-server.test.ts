import { expect, test } from 'vitest';
import { chooseServer } from '../../scripts/choose-server.mjs';

const found = { kind: 'found' } as const;
const missing = { kind: 'missing', advice: 'nothing found: do this' } as const;
const remedy =
  'nothing found: do this. As root on Debian or Ubuntu, npm test installs them itself.';
const refused = { kind: 'refused', line: missing.advice };

test.for([
  { what: 'is there', env: {}, search: found, choice: { kind: 'real' } },
  {
    what: 'is there, and demanded',
    env: { ROLLCALL_REQUIRE_ZOOKEEPER: '1' },
    search: found,
    choice: { kind: 'real' },
  },
  { what: 'is not there', env: {}, search: missing, choice: { kind: 'embedded', remedy } },
  {
    what: 'is not there, and expressly not demanded',
    env: { ROLLCALL_REQUIRE_ZOOKEEPER: '0', ZOOKEEPER_HOME: '' },
    search: missing,
    choice: { kind: 'embedded', remedy },
  },
  {
    what: 'is not there, and demanded',
    env: { ROLLCALL_REQUIRE_ZOOKEEPER: '1' },
    search: missing,
    choice: refused,
  },
  {
    what: 'is not where ZOOKEEPER_HOME says',
    env: { ZOOKEEPER_HOME: '/nowhere' },
    search: missing,
    choice: refused,
  },
])('a real ZooKeeper that $what: $choice.kind', ({ env, search, choice }) => {
  expect(chooseServer(env, () => search)).toEqual(choice);
});

test('where the embedded server is asked for, no real one is looked for or installed', () => {
  const look = (): never => {
    throw new Error('looked');
  };
  const env = { ROLLCALL_TEST_SERVER: 'embedded' };
  expect(chooseServer(env, look)).toMatchObject({ kind: 'embedded' });
  expect(chooseServer({ ...env, ROLLCALL_REQUIRE_ZOOKEEPER: '1' }, look)).toEqual({
    kind: 'refused',
    line: 'ROLLCALL_TEST_SERVER=embedded and ROLLCALL_REQUIRE_ZOOKEEPER contradict each other: unset one',
  });
});
