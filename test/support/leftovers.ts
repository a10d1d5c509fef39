import { beforeEach, onTestFinished, vi } from 'vitest';
import type * as sessionModule from '../../src/zookeeper/session.ts';
import type { Session } from '../../src/zookeeper/index.ts';

/** Sessions that were opened since the present test (its beforeEach hooks included) began. */
const opened = new Set<Session>();

vi.mock('../../src/zookeeper/session.ts', async importOriginal => {
  const original = await importOriginal<typeof sessionModule>();
  const openSession: typeof original.openSession = async options => {
    const session = await original.openSession(options);
    opened.add(session);
    return session;
  };
  return { ...original, openSession };
});

/** Registered before everything a test file registers, so that it runs after the file's own clearing up. */
beforeEach(() => {
  opened.clear();
  onTestFinished(() => {
    const left = [...opened].filter(session => session.state.kind !== 'closed');
    if (left.length === 0) return;
    const told = left.map(
      ({ sessionId, state }) => `${sessionId ?? 'without an id'} (${state.kind})`,
    );
    throw new Error(`the test left open: session ${told.join(', session ')}`);
  });
});
