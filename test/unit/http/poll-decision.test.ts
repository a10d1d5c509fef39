import { expect, test } from 'vitest';
import { decidePoll, type PollFacts } from '../../../src/http/poll-decision.ts';

const base: PollFacts = {
  requested: 100n,
  published: 100n,
  watermark: 120n,
  etagMatches: undefined,
  waitLeftMs: 1_000,
};

test.each([
  ['without an index the answer is sent at once', { requested: undefined }, 'answer'],
  ['an index that passed N ends the wait', { published: 101n }, 'answer'],
  [
    'an index that passed N ends the wait though the watermark lags',
    { published: 101n, watermark: 90n },
    'answer',
  ],
  ['nothing new is waited for', {}, 'wait'],
  ['nothing new with a matching body is waited for', { etagMatches: true }, 'wait'],
  ['a body that no longer matches ends the wait', { etagMatches: false }, 'answer'],
  ['the end of the wait ends it, changed or not', { waitLeftMs: 0 }, 'answer'],
  [
    'a client at the published index is not above the replica, whatever the watermark',
    { watermark: 99n },
    'wait',
  ],
  ['a client above the replica is held', { published: 80n, watermark: 90n }, 'wait'],
  [
    'a client above the replica is held though its body differs',
    { published: 80n, watermark: 90n, etagMatches: false },
    'wait',
  ],
  [
    'a client above the replica is told so when the wait ends',
    { published: 80n, watermark: 90n, waitLeftMs: 0 },
    'answer-reset',
  ],
  [
    'a replica that knows N and publishes less says so',
    { published: 80n, watermark: 100n },
    'answer-reset',
  ],
] as const)('%s', (_sentence, facts, decision) => {
  expect(decidePoll({ ...base, ...facts })).toBe(decision);
});
