import fc from 'fast-check';
import { expect, test } from 'vitest';
import { RollcallError } from '../../../src/kernel/errors.ts';
import type { SessionState } from '../../../src/zookeeper/api.ts';
import { nextState, type SessionEvent } from '../../../src/zookeeper/session-state.ts';

const reason = new RollcallError('AUTH_FAILED', 'no');
const connecting: SessionState = { kind: 'connecting' };
const connected: SessionState = { kind: 'connected', epoch: 3 };
const suspended: SessionState = { kind: 'suspended', epoch: 3, sinceMs: 5 };
const lost: SessionState = { kind: 'lost', epoch: 3 };
const closed: SessionState = { kind: 'closed' };

const table: readonly (readonly [SessionState, SessionEvent, SessionState])[] = [
  [connecting, { kind: 'attached' }, { kind: 'connected', epoch: 1 }],
  [connecting, { kind: 'detached', atMs: 9 }, connecting],
  [connecting, { kind: 'expired' }, connecting],
  [connecting, { kind: 'outlived' }, connecting],
  [connecting, { kind: 'refused', reason }, { kind: 'connecting', reason }],
  [connected, { kind: 'attached' }, connected],
  [connected, { kind: 'detached', atMs: 9 }, { kind: 'suspended', epoch: 3, sinceMs: 9 }],
  [connected, { kind: 'outlived' }, lost],
  [connected, { kind: 'expired' }, lost],
  [connected, { kind: 'refused', reason }, connected],
  [suspended, { kind: 'attached' }, connected],
  [suspended, { kind: 'detached', atMs: 9 }, suspended],
  [suspended, { kind: 'outlived' }, lost],
  [suspended, { kind: 'expired' }, lost],
  [suspended, { kind: 'refused', reason }, { ...suspended, reason }],
  [lost, { kind: 'attached' }, { kind: 'connected', epoch: 4 }],
  [lost, { kind: 'detached', atMs: 9 }, lost],
  [lost, { kind: 'outlived' }, lost],
  [lost, { kind: 'expired' }, lost],
  [lost, { kind: 'refused', reason }, { ...lost, reason }],
  [closed, { kind: 'attached' }, closed],
  [closed, { kind: 'expired' }, closed],
];

test.each(table)('from %j, %j leads to %j', (state, event, expected) => {
  expect(nextState(state, event)).toEqual(expected);
});

test('every state is closed by a close', () => {
  for (const state of [connecting, connected, suspended, lost, closed])
    expect(nextState(state, { kind: 'closed' })).toEqual(closed);
});

const anyEvent: fc.Arbitrary<SessionEvent> = fc.constantFrom<SessionEvent>(
  { kind: 'attached' },
  { kind: 'detached', atMs: 1 },
  { kind: 'outlived' },
  { kind: 'expired' },
  { kind: 'refused', reason },
);

test('whatever happens, an epoch begins only after a loss, and never goes back', () => {
  fc.assert(
    fc.property(fc.array(anyEvent, { maxLength: 60 }), events => {
      let state: SessionState = connecting;
      let epoch = 0;
      for (const event of events) {
        const next = nextState(state, event);
        if (next.kind === 'connected' && next.epoch !== epoch) {
          expect(next.epoch).toBe(epoch + 1);
          expect(['connecting', 'lost']).toContain(state.kind);
          epoch = next.epoch;
        }
        if (next.kind !== 'closed' && next.kind !== 'connecting') expect(next.epoch).toBe(epoch);
        state = next;
      }
    }),
  );
});
