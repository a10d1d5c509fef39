import { onTestFinished } from 'vitest';
import { faultProxy, type FaultProxy } from '../../src/testing/index.ts';
import { openSession, type Session, type SessionOptions } from '../../src/zookeeper/index.ts';

/** A connected session that the end of the test closes. */
export async function testSession(
  servers: string,
  options: Partial<SessionOptions> = {},
): Promise<Session> {
  const session = await openSession({ servers, timeoutMs: 20_000, ...options });
  onTestFinished(() => session.close());
  await session.connected();
  return session;
}

export interface ProxiedSession {
  readonly session: Session;
  readonly proxy: FaultProxy;
  /** Cuts the way until the server has expired the session, and opens it again. */
  expire(): Promise<void>;
}

/**
 * A session whose every byte goes through a proxy of its own. Short, so that it can expire soon, and not so short that a busy machine
 * lets it expire by itself.
 *
 * @param servers one `host:port`, with or without a chroot.
 */
export async function proxiedSession(
  servers: string,
  options: Partial<SessionOptions> = {},
): Promise<ProxiedSession> {
  const slash = servers.indexOf('/');
  const target = slash < 0 ? servers : servers.slice(0, slash);
  const proxy = await faultProxy({ target });
  onTestFinished(() => proxy.close());
  const chroot = slash < 0 ? '' : servers.slice(slash);
  const session = await testSession(`${proxy.address}${chroot}`, { timeoutMs: 2_000, ...options });
  return { session, proxy, expire: () => expire(servers, session, proxy) };
}

/** How many creates of any kind a session has sent. */
export function createsOf(session: Session): number {
  return Object.entries(session.requestCounts)
    .filter(([operation]) => operation.startsWith('create'))
    .reduce((sum, [, count]) => sum + count, 0);
}

/** The end of an ephemeral node tells that the server has expired its session: closing is no way, it would tell the client. */
async function expire(servers: string, session: Session, proxy: FaultProxy): Promise<void> {
  const canary = `/canary-${session.sessionId}-${session.epoch}`;
  await session.create(canary, Buffer.alloc(0), { mode: 'ephemeral' });
  const observer = await openSession({ servers, timeoutMs: 20_000 });
  try {
    const expired = new Promise<void>(resolve => {
      void observer.watchExists(canary, () => resolve());
    });
    const planted = await observer.exists(canary);
    await proxy.cut();
    if (planted !== undefined) await expired; // else it has expired already
  } finally {
    await observer.close();
  }
  await proxy.heal();
}
