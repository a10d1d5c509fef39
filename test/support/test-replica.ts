import { onTestFinished } from 'vitest';
import type { Session } from '../../src/zookeeper/index.ts';
import { openReplica, type Replica, type ReplicaOptions } from './replica.ts';

/** A replica with a live view, closed by the end of the test before its session. */
export async function testReplica(session: Session, options: ReplicaOptions): Promise<Replica> {
  const replica = await openReplica(session, options);
  onTestFinished(() => replica.close());
  return replica;
}
