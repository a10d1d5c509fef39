import { readdir, readFile, readlink, realpath, rm, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { RollcallError } from '../../kernel/errors.ts';

/** Folders in use by this process: a process id alone does not tell a second server in it, nor a life before this one. */
const held = new Set<string>();

/**
 * Keeps two servers from writing into one data folder. A lock whose process is gone is taken over, by one of those who try.
 *
 * The links `lock-N` say whose the folder is: the highest N counts, and points to a process, or to nobody. A lock is never
 * changed nor taken away while it is the highest: it is outbid with N + 1, which only one can make. So N never goes back, and
 * whoever was slow to find a lock stale finds his bid made already.
 *
 * @throws RollcallError ZOOKEEPER_UNAVAILABLE when another process has it.
 */
export async function lockFolder(folder: string): Promise<() => Promise<void>> {
  const real = await realpath(folder);
  if (held.has(real)) throw inUse(folder, process.pid, 0);
  held.add(real);
  try {
    const mine = await takeLock(real);
    return async () => {
      await giveBack(real, mine);
      held.delete(real);
    };
  } catch (error) {
    held.delete(real);
    throw error;
  }
}

const NOBODY = 'nobody';
const NAME = /^lock-(\d{1,15})$/;

const pathOf = (folder: string, bid: number): string => join(folder, `lock-${bid}`);

async function takeLock(folder: string): Promise<number> {
  const me = `${process.pid}${(await look(process.pid))?.birth ?? ''}`;
  for (;;) {
    const last = Math.max(0, ...(await bids(folder)));
    const owner = last === 0 ? NOBODY : await ownerOf(folder, last);
    if (owner === undefined) continue; // outbid since it was listed
    const pid = Number.parseInt(owner, 10);
    if (pid !== process.pid && (await lives(owner, pid))) throw inUse(folder, pid, last);
    const mine = last + 1;
    if (!(await bid(folder, mine, me))) continue;
    const all = await bids(folder);
    const beaten = all.some(each => each > mine); // `last` was long gone
    for (const each of all)
      if (each < mine || (each === mine && beaten)) await rm(pathOf(folder, each), { force: true });
    if (!beaten) return mine;
  }
}

/** Without it the next one still finds that this process is gone, once it is. */
async function giveBack(folder: string, mine: number): Promise<void> {
  const free = await bid(folder, mine + 1, NOBODY).catch(() => false);
  if (free) await rm(pathOf(folder, mine), { force: true });
}

async function bids(folder: string): Promise<readonly number[]> {
  return (await readdir(folder)).flatMap(name => {
    const found = NAME.exec(name);
    return found === null ? [] : [Number(found[1])];
  });
}

/** Whether it was made: with what it says, or not at all. */
async function bid(folder: string, number: number, owner: string): Promise<boolean> {
  try {
    await symlink(owner, pathOf(folder, number));
    return true;
  } catch (error) {
    if (isSystemError(error, 'EEXIST')) return false;
    throw error;
  }
}

async function ownerOf(folder: string, number: number): Promise<string | undefined> {
  try {
    return await readlink(pathOf(folder, number));
  } catch (error) {
    if (isSystemError(error, 'ENOENT')) return undefined;
    throw error;
  }
}

/** Whether the process that the lock names is there: it, and not a later one that was given its number. */
async function lives(owner: string, pid: number): Promise<boolean> {
  if (!isAlive(pid)) return false;
  const seen = await look(pid);
  if (seen === undefined) return true; // nothing else is known of it
  const birth = owner.slice(String(pid).length);
  return !seen.over && (birth === '' || birth === seen.birth);
}

interface Sighting {
  /**
   * When the process was begun, to the clock tick, and in which life of the machine: with that, the numbers of processes begin
   * again, and a service has a good chance to find another one behind its old number.
   */
  readonly birth: string;
  /** It has ended, and nobody has asked how. */
  readonly over: boolean;
}

/** Undefined where nobody can tell. */
async function look(pid: number): Promise<Sighting | undefined> {
  try {
    const [boot, stat] = await Promise.all([
      readFile('/proc/sys/kernel/random/boot_id', 'utf8'),
      readFile(`/proc/${pid}/stat`, 'utf8'),
    ]);
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' '); // a name may hold anything
    return { birth: `@${fields[STARTED_AT]}@${boot.trim()}`, over: fields[0] === 'Z' };
  } catch {
    return undefined;
  }
}

/** Of the fields behind the name. */
const STARTED_AT = 19;

function isAlive(pid: number): boolean {
  if (!Number.isInteger(pid) || pid <= 0) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return isSystemError(error, 'EPERM');
  }
}

const isSystemError = (error: unknown, code: string): boolean =>
  error instanceof Error && 'code' in error && error.code === code;

function inUse(folder: string, pid: number, number: number): RollcallError {
  const advice = number === 0 ? '' : `; if that is not so, remove ${pathOf(folder, number)}`;
  return new RollcallError(
    'ZOOKEEPER_UNAVAILABLE',
    `the data folder ${folder} is in use by process ${pid}${advice}`,
  );
}
