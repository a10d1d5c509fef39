import { expect, test } from 'vitest';
import { decidePoll, type PollFacts } from '../../../src/http/poll-decision.ts';

const base: PollFacts = {
  requested: 100n,
  published: 100n,
  etagMatches: undefined,
  waitLeftMs: 1_000,
};

test.each([
  ['without an index the answer is sent at once', { requested: undefined }, 'answer'],
  ['an index that passed N ends the wait', { published: 101n }, 'answer'],
  ['nothing new is waited for', {}, 'wait'],
  ['nothing new with a matching body is waited for', { etagMatches: true }, 'wait'],
  ['a body that no longer matches ends the wait', { etagMatches: false }, 'answer'],
  ['the end of the wait ends it, changed or not', { waitLeftMs: 0 }, 'answer'],
  ['a client above the replica is held', { published: 80n }, 'wait'],
  [
    'a client above the replica is held though its body differs',
    { published: 80n, etagMatches: false },
    'wait',
  ],
  [
    'a client above the replica is told so when the wait ends',
    { published: 80n, waitLeftMs: 0 },
    'answer-reset',
  ],
] as const)('%s', (_sentence, facts, decision) => {
  expect(decidePoll({ ...base, ...facts })).toBe(decision);
});
