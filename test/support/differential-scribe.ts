import type { JuteReader } from '../../src/kernel/jute.ts';
import { OP } from '../../src/kernel/wire.ts';
import type { Asked } from './differential-moves.ts';
import { opOf } from './differential-requests.ts';
import type { WireClient } from './wire-client.ts';

export interface Scribe {
  path(path: string | undefined): string;
  reply(step: Asked, reply: Awaited<ReturnType<WireClient['call']>>): string;
}

/** Writes answers down: zxids as distances from the first, owners by name, times as whether they are there, lists sorted. */
export function scribeOf(root: string, base: bigint, owners: ReadonlyMap<bigint, string>): Scribe {
  const path_ = (text: string | undefined): string =>
    text === undefined ? 'null' : text.replace(root, '');
  const zxid = (value: bigint): string => (value >= base ? `+${value - base}` : `${value}`);
  const bytes = (value: Buffer | undefined): string =>
    value === undefined ? 'null' : `'${value.toString()}'`;
  const stat = (from: JuteReader): string => {
    const [czxid, mzxid] = [zxid(from.long()), zxid(from.long())];
    const [ctime, mtime] = [from.long() > 0n, from.long() > 0n];
    const [version_, cversion, aversion] = [from.int(), from.int(), from.int()];
    const owner = from.long();
    const [length, children] = [from.int(), from.int()];
    const pzxid = zxid(from.long());
    return `{c${czxid} m${mzxid} p${pzxid} ${ctime}${mtime} v${version_} cv${cversion} av${aversion} o${owners.get(owner) ?? owner} d${length} n${children}}`;
  };
  const names = (from: JuteReader): string =>
    (from.vector(() => path_(from.string())) ?? []).toSorted().join(' ');
  const acls = (from: JuteReader): string =>
    (from.vector(() => `${from.int()} ${from.string()} ${from.string()}`) ?? []).join('; ');
  const bodies: Readonly<Record<number, (from: JuteReader) => string>> = {
    [OP.create]: from => path_(from.string()),
    [OP.create2]: from => `${path_(from.string())} ${stat(from)}`,
    [OP.createContainer]: from => `${path_(from.string())} ${stat(from)}`,
    [OP.createTtl]: from => `${path_(from.string())} ${stat(from)}`,
    [OP.delete]: () => 'gone',
    [OP.check]: () => 'checked',
    [OP.setData]: stat,
    [OP.setAcl]: stat,
    [OP.exists]: stat,
    [OP.getData]: from => `${bytes(from.bytes())} ${stat(from)}`,
    [OP.getChildren]: names,
    [OP.getChildren2]: from => `${names(from)} ${stat(from)}`,
    [OP.getAcl]: from => `${acls(from)} ${stat(from)}`,
    [OP.error]: from => `error ${from.int()}`,
  };
  const parts = (from: JuteReader): string => {
    const found: string[] = [];
    for (;;) {
      const [op, done, error] = [from.int(), from.bool(), from.int()];
      if (done) return `${found.join(' | ')} end ${op} ${error}`;
      found.push(`${op} ${error} ${bodies[op]?.(from) ?? '?'}`);
    }
  };
  const body = (each: Asked, from: JuteReader): string => {
    switch (each.kind) {
      case 'create':
      case 'delete':
      case 'setData':
        return bodies[opOf(each)]?.(from) ?? '';
      case 'exists':
      case 'getData':
      case 'getChildren':
      case 'getChildren2':
      case 'getAcl':
      case 'setAcl':
        return bodies[OP[each.kind]]?.(from) ?? '';
      case 'sync':
        return path_(from.string());
      case 'getEphemerals':
        return names(from);
      case 'getAllChildrenNumber':
        return `${from.int()}`;
      case 'multi':
      case 'multiRead':
        return parts(from);
      case 'whoAmI':
        return (from.vector(() => `${from.string()} ${from.string()}`) ?? []).toSorted().join('; ');
      case 'addWatch':
      case 'removeWatches':
      case 'setWatches':
      case 'auth':
      case 'check':
      case 'reconfig':
        return `${from.rest().length} bytes`;
      default:
        return each satisfies never;
    }
  };
  return {
    path: path_,
    reply(each, reply) {
      if (reply === undefined) return 'the connection ended';
      const { error, body: from } = reply;
      const told = error === 0 && from.remainingBytes > 0 ? body(each, from) : '';
      return `${error} at ${zxid(reply.zxid)} ${told} rest ${from.remainingBytes}`;
    },
  };
}
