import type { JuteReader, JuteWriter } from '../kernel/jute.ts';
import { OP } from '../kernel/wire.ts';
import { maskAcl, PERMISSION, permits, userOf } from './acl.ts';
import type { Database } from './database.ts';
import type { Caller } from './decide.ts';
import { readPath } from './decode.ts';
import { statOf, writeAcl, writeStat } from './encode.ts';
import { ERROR, type ErrorCode } from './error-code.ts';
import type { Tree, Znode } from './tree.ts';
import type { Watcher } from './watches.ts';

/** What a read answers: a body, or why not. */
export type Answer = ErrorCode | ((writer: JuteWriter) => void);

export type Reader = (database: Database, caller: Caller & Watcher, body: JuteReader) => Answer;

const EMPTY: Answer = () => undefined;

const readable = ({ tree }: Database, path: string, caller: Caller): Znode | ErrorCode => {
  const node = tree.find(path);
  if (node === undefined) return ERROR.noNode;
  return permits(node.acl, PERMISSION.read, caller.identities) ? node : ERROR.noAuth;
};

const exists: Reader = ({ tree, watches }, caller, body) => {
  const path = readPath(body);
  if (path.includes('\0')) return ERROR.badArguments;
  if (body.bool()) watches.watchData(path, caller);
  const node = tree.find(path);
  return node === undefined ? ERROR.noNode : writer => writeStat(writer, statOf(node));
};

/** @param watch asks to be told of the next change; a read that fails leaves no watch. */
export function readData(
  database: Database,
  caller: Caller & Watcher,
  path: string,
  watch: boolean,
): Answer {
  const node = readable(database, path, caller);
  if (typeof node === 'number') return node;
  if (watch) database.watches.watchData(path, caller);
  return writer => writeStat(writer.bytes(node.data), statOf(node));
}

export function readChildren(
  database: Database,
  caller: Caller & Watcher,
  path: string,
  { watch, withStat }: { readonly watch: boolean; readonly withStat: boolean },
): Answer {
  const node = readable(database, path, caller);
  if (typeof node === 'number') return node;
  if (watch) database.watches.watchChildren(path, caller);
  return writer => {
    writeNames(writer, node.children);
    if (withStat) writeStat(writer, statOf(node));
  };
}

const getData: Reader = (database, caller, body) =>
  readData(database, caller, readPath(body), body.bool());

const children =
  (withStat: boolean): Reader =>
  (database, caller, body) =>
    readChildren(database, caller, readPath(body), { watch: body.bool(), withStat });

const getAcl: Reader = ({ tree }, caller, body) => {
  const node = tree.find(readPath(body));
  if (node === undefined) return ERROR.noNode;
  const either = PERMISSION.read | PERMISSION.admin;
  if (!permits(node.acl, either, caller.identities)) return ERROR.noAuth;
  const mayAdminister = permits(node.acl, PERMISSION.admin, caller.identities);
  return writer => {
    writeAcl(writer, mayAdminister ? node.acl : maskAcl(node.acl));
    writeStat(writer, statOf(node));
  };
};

/** One server is always in step with itself. */
const sync: Reader = (_database, _caller, body) => {
  const path = body.string();
  return writer => void writer.string(path);
};

const getEphemerals: Reader = ({ tree }, caller, body) => {
  const prefix = body.string() ?? '';
  const all = ['', '/'].includes(prefix.trim());
  const owned = [...tree.ownedBy(caller.sessionId)];
  const paths = all ? owned : owned.filter(path => path.startsWith(prefix));
  return writer => void writer.vector(paths, path => writer.string(path));
};

const getAllChildrenNumber: Reader = (database, caller, body) => {
  const path = readPath(body);
  const node = readable(database, path, caller);
  if (typeof node === 'number') return node;
  return writer => void writer.int(countBelow(database.tree, path));
};

const whoAmI: Reader = (_database, caller) => writer =>
  void writer.vector(caller.identities, ({ scheme, id }) =>
    writer.string(scheme).string(scheme === 'digest' ? userOf(id) : id),
  );

const ping: Reader = () => EMPTY;

/** The reads that answer one request. Those about watches are in `watch-requests.ts`, multiRead in `multi.ts`. */
export const READERS: ReadonlyMap<number, Reader> = new Map([
  [OP.exists, exists],
  [OP.getData, getData],
  [OP.getChildren, children(false)],
  [OP.getChildren2, children(true)],
  [OP.getAcl, getAcl],
  [OP.sync, sync],
  [OP.getEphemerals, getEphemerals],
  [OP.getAllChildrenNumber, getAllChildrenNumber],
  [OP.whoAmI, whoAmI],
  [OP.ping, ping],
]);

function writeNames(writer: JuteWriter, names: ReadonlySet<string> | undefined): void {
  writer.int(names?.size ?? 0);
  for (const name of names ?? []) writer.string(name);
}

function countBelow(tree: Tree, path: string): number {
  if (path === '/') return tree.size - 1;
  const prefix = `${path}/`;
  let count = 0;
  for (const [each] of tree.entries()) if (each.startsWith(prefix)) count += 1;
  return count;
}
