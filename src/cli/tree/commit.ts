import type { Clock } from '../../kernel/clock.ts';
import { errorText, hasCode, isRollcallError, RollcallError } from '../../kernel/errors.ts';
import { OPEN_ACL, type Session } from '../../zookeeper/index.ts';
import { connectedWithin } from '../connect.ts';
import type { Write } from './batches.ts';
import type { ExportedNode } from './format.ts';

const TRIES = 5;

/**
 * Does a set of writes as one transaction: all of it, or nothing. When its answer was lost, it is looked whether it was done before
 * it is done again. (The rights of a node that was there already cannot be set in a transaction: they follow it.)
 */
export function committer(
  session: Session,
  clock: Clock,
): (batch: readonly Write[]) => Promise<void> {
  return async batch => {
    for (let attempt = 1; ; attempt += 1) {
      try {
        await transact(session, batch);
        break;
      } catch (error) {
        const isUnknown = hasCode(error, 'CONNECTION_LOSS', 'SESSION_LOST');
        if (!isUnknown || attempt === TRIES) throw explained(error, batch);
        await connectedWithin(session, clock);
        if (await isDone(session, batch)) break;
      }
    }
    for (const { step, node } of batch) if (step === 'replace') await setRights(session, node);
  };
}

async function setRights(session: Session, { path, acl }: ExportedNode): Promise<void> {
  try {
    await session.setAcl(path, acl ?? OPEN_ACL, -1);
  } catch (cause) {
    const code = isRollcallError(cause) ? cause.code : 'SERVER_ERROR';
    throw new RollcallError(
      code,
      `the data of ${path} is replaced, and its rights cannot be set (${errorText(cause)})`,
      { cause },
    );
  }
}

async function transact(session: Session, batch: readonly Write[]): Promise<void> {
  const transaction = session.transaction();
  for (const { step, node } of batch) {
    const { path, data, acl = OPEN_ACL, mode } = node;
    if (step === 'replace') transaction.setData(path, data, -1);
    else if (mode === 'persistent' || mode === 'container')
      transaction.create(path, data, { acl, mode });
    else transaction.create(path, data, { acl, mode: 'persistent-ttl', ttlMs: mode.ttlMs });
  }
  await transaction.commit();
}

/** What it was to make was not there before. Without such a node, the same writes again come to the same. */
async function isDone(session: Session, batch: readonly Write[]): Promise<boolean> {
  const made = batch.find(({ step }) => step === 'create');
  if (made === undefined) return false;
  await session.sync(made.node.path);
  return (await session.exists(made.node.path)) !== undefined;
}

function explained(error: unknown, batch: readonly Write[]): unknown {
  if (hasCode(error, 'CONNECTION_LOSS') && batch.length === 1) {
    return new RollcallError(
      'CONNECTION_LOSS',
      `the connection breaks at ${batch[0]?.node.path}: is it larger than jute.maxbuffer of the server?`,
      { cause: error },
    );
  }
  const hasTtl = batch.some(({ node }) => typeof node.mode === 'object');
  if (hasCode(error, 'UNIMPLEMENTED') && hasTtl) {
    return new RollcallError(
      'UNIMPLEMENTED',
      'this server takes no TTL nodes: start it with -Dzookeeper.extendedTypesEnabled=true',
      { cause: error },
    );
  }
  if (hasCode(error, 'NO_AUTH')) {
    return new RollcallError(
      'NO_AUTH',
      'ZooKeeper does not let us write that: give --zookeeper-auth FILE with a user who may',
      { cause: error },
    );
  }
  return error;
}
