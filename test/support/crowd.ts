import { expect, onTestFinished } from 'vitest';
import { announce, type Registration } from '../../src/registry/index.ts';
import { openSession, type Session } from '../../src/zookeeper/index.ts';
import { eventually } from './eventually.ts';

/** Providers of one service, announced through the SDK, spread over sessions of their own. */
export interface Crowd {
  readonly sessions: readonly Session[];
  /** In the order of their sessions: those of the first one first. */
  readonly registrations: readonly Registration[];
  /** Sorted. */
  readonly ids: readonly string[];
  /** Waits until each of them knows that its node stands. */
  proven(): Promise<void>;
}

export interface CrowdOptions {
  readonly service?: string;
  readonly sessions: number;
  /** Providers of each session. Default 1. */
  readonly each?: number;
  /** Goes before the number in each id. */
  readonly prefix?: string;
  readonly timeoutMs?: number;
}

/** Closed by the end of the test. */
export async function crowd(servers: string, options: CrowdOptions): Promise<Crowd> {
  const { service = 'orders', each = 1, prefix = 'p', timeoutMs = 1_000 } = options;
  const sessions = await Promise.all(
    Array.from({ length: options.sessions }, async () => {
      const session = await openSession({ servers, timeoutMs });
      onTestFinished(() => session.close());
      await session.connected();
      return session;
    }),
  );
  const registrations = await Promise.all(
    sessions.flatMap((session, owner) =>
      Array.from({ length: each }, (_, index) => {
        const id = `${prefix}${owner}-${index}`;
        return announce(session, { id, service, address: '127.0.0.1', port: 8080 });
      }),
    ),
  );
  return {
    sessions,
    registrations,
    ids: registrations.map(({ record }) => record.id).sort(),
    proven: () =>
      eventually(
        () => {
          const states = registrations.map(({ proof }) => proof.state);
          expect(new Set(states)).toEqual(new Set(['proven']));
        },
        { timeout: 60_000, interval: 20 },
      ),
  };
}
