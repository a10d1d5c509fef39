import { randomUUID } from 'node:crypto';
import { errorText, hasCode, isRollcallError } from '../../kernel/errors.ts';
import type { Layout } from '../../registry/index.ts';
import type { Session, Transaction } from '../../zookeeper/index.ts';
import { fail, type Finding, ok, warn } from './finding.ts';

const EMPTY = Buffer.alloc(0);

/**
 * Why ZooKeeper would not do `write`; undefined when it would. The transaction ends with a check that cannot hold, so that
 * nothing is ever done: the index of the operation that failed tells how far it would have come.
 */
async function refusal(
  session: Session,
  write: (transaction: Transaction) => Transaction,
): Promise<string | undefined> {
  const transaction = write(session.transaction());
  const writes = transaction.size;
  try {
    await transaction.check(`/rollcall-doctor-${randomUUID()}`, -1).commit();
    return undefined;
  } catch (error) {
    const index = isRollcallError(error) ? error.details['index'] : undefined;
    if (typeof index !== 'number') throw error;
    return index >= writes ? undefined : errorText(error);
  }
}

/** Looks at what we may do below the root, without doing it. */
export async function examineRights(session: Session, where: Layout): Promise<readonly Finding[]> {
  const findings: Finding[] = [await identity(session)];
  if ((await session.exists(where.root)) === undefined) {
    return [...findings, await missingRoot(session, where.root)];
  }
  findings.push(ok('root', `${where.root} exists`));
  const { services, overrides, derived, members, election } = where;
  for (const directory of [services, overrides, derived, members, election]) {
    if ((await session.exists(directory)) === undefined) continue;
    findings.push(judgeDirectory(directory, await rightsOn(session, directory)));
  }
  return findings;
}

const MADE_BY_SERVE = 'rollcall serve makes it when it starts';

async function missingRoot(session: Session, root: string): Promise<Finding> {
  let parent = root;
  while ((await session.exists(parent)) === undefined) {
    if (parent === '/')
      return warn('root', 'the chroot of --zookeeper does not exist yet', MADE_BY_SERVE);
    parent = parent.slice(0, Math.max(1, parent.lastIndexOf('/')));
  }
  const probe = `${parent === '/' ? '' : parent}/rollcall-doctor-${randomUUID()}`;
  const why = await refusal(session, transaction => transaction.create(probe, EMPTY));
  if (why === undefined) {
    return warn('root', `${root} does not exist yet`, MADE_BY_SERVE);
  }
  return fail(
    'root',
    `${root} does not exist and may not be made (${why})`,
    'give --zookeeper-auth FILE with a user who may, or let an administrator make it',
  );
}

async function identity(session: Session): Promise<Finding> {
  try {
    const names = (await session.whoAmI()).map(({ scheme, id }) => `${scheme}:${id}`);
    return ok('identity', `ZooKeeper knows us as ${names.join(', ')}`);
  } catch (error) {
    if (!hasCode(error, 'UNIMPLEMENTED')) throw error;
    return ok('identity', 'this server is too old (before 3.7) to say whom it takes us for');
  }
}

interface Rights {
  readonly read: boolean;
  readonly create: boolean;
  readonly write: boolean;
  readonly delete: boolean;
}

async function rightsOn(session: Session, directory: string): Promise<Rights> {
  const probe = `${directory}/rollcall-doctor-${randomUUID()}`;
  const may = async (write: (transaction: Transaction) => Transaction): Promise<boolean> =>
    (await refusal(session, write)) === undefined;
  return {
    read: await readable(session, directory),
    create: await may(transaction => transaction.create(probe, EMPTY)),
    write: await may(transaction => transaction.setData(directory, EMPTY, -1)),
    delete: await may(transaction => transaction.create(probe, EMPTY).remove(probe, -1)),
  };
}

async function readable(session: Session, directory: string): Promise<boolean> {
  try {
    await session.getChildren(directory);
    return true;
  } catch (error) {
    if (hasCode(error, 'NO_AUTH')) return false;
    throw error;
  }
}

function judgeDirectory(directory: string, rights: Rights): Finding {
  const { read, create, write, delete: remove } = rights;
  const names = Object.entries({ read, create, write, delete: remove });
  const may = names.filter(([, has]) => has).map(([name]) => name);
  const mayNot = names.filter(([, has]) => !has).map(([name]) => name);
  if (mayNot.length === 0) return ok('rights', `${directory}: ${may.join(', ')}`);
  const text = `${directory}: ${may.length === 0 ? 'nothing' : may.join(', ')}; not ${mayNot.join(', ')}`;
  const remedy = 'give --zookeeper-auth FILE, or let an administrator change its ACL';
  return read
    ? warn('rights', text, `${remedy}, if this user is to do more`)
    : fail('rights', text, remedy);
}
