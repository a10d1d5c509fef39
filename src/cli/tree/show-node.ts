import { isUtf8 } from 'node:buffer';
import { hasCode } from '../../kernel/errors.ts';
import type { Acl, Session, Stat } from '../../zookeeper/index.ts';
import { columns, harmless } from '../table.ts';
import { aclText } from './acl-text.ts';
import { nodeKind } from './node-kind.ts';

export interface NodePicture {
  readonly path: string;
  readonly stat: Stat;
  readonly data: Buffer;
  /** Undefined: we may not see it. */
  readonly acl: readonly Acl[] | undefined;
  /** By name, at most as many as were asked for. */
  readonly children: readonly ChildPicture[];
}

export interface ChildPicture {
  readonly name: string;
  /** Undefined: it went away meanwhile. */
  readonly stat: Stat | undefined;
}

/** @throws RollcallError NO_NODE, NO_AUTH. */
export async function lookAtNode(
  session: Session,
  path: string,
  limit: number,
): Promise<NodePicture> {
  const { data, stat } = await session.getData(path);
  const [acl, { children }] = await Promise.all([aclOf(session, path), session.getChildren(path)]);
  const prefix = path === '/' ? '/' : `${path}/`;
  const names = children.toSorted().slice(0, limit);
  const stats = await Promise.all(names.map(name => session.exists(prefix + name)));
  return {
    path,
    stat,
    data,
    acl,
    children: names.map((name, index) => ({ name, stat: stats[index] })),
  };
}

async function aclOf(session: Session, path: string): Promise<readonly Acl[] | undefined> {
  try {
    return (await session.getAcl(path)).acl;
  } catch (error) {
    if (hasCode(error, 'NO_AUTH')) return undefined;
    throw error;
  }
}

const PREVIEW_LETTERS = 1_000;
const PREVIEW_BYTES = 64;

/** The beginning of a node's data: text as it is, other bytes in hexadecimal. */
export function preview(data: Buffer): string {
  if (data.length === 0) return '(none)';
  if (!isUtf8(data)) {
    const more = data.length > PREVIEW_BYTES ? ' …' : '';
    return `${data.subarray(0, PREVIEW_BYTES).toString('hex')}${more} (binary)`;
  }
  const text = data.toString('utf8');
  return text.length > PREVIEW_LETTERS ? `${text.slice(0, PREVIEW_LETTERS)} …` : text;
}

function kindText(stat: Stat): string {
  const life = nodeKind(stat);
  if (life.kind === 'ttl') return `TTL ${life.ttlMs} ms`;
  if (life.kind !== 'ephemeral') return life.kind;
  return `ephemeral, of session 0x${BigInt.asUintN(64, stat.ephemeralOwner).toString(16)}`;
}

const timeText = (ms: number): string => new Date(ms).toISOString();

/** For people. */
export function nodeText({ path, stat, data, acl, children }: NodePicture): string {
  const facts = columns([
    ['node', path],
    ['kind', kindText(stat)],
    ['made', `${timeText(stat.ctimeMs)}, zxid ${stat.czxid}`],
    ['changed', `${timeText(stat.mtimeMs)}, zxid ${stat.mzxid}, version ${stat.version}`],
    ['rights', acl === undefined ? 'not for us to see' : aclText(acl)],
    ['data', `${stat.dataLengthBytes} bytes`],
    ['children', String(stat.numChildren)],
  ]);
  const content = preview(data).split('\n').map(harmless);
  const rows = children.map(({ name, stat: of }) =>
    of === undefined
      ? [name, 'gone']
      : [
          name,
          kindText(of).split(',')[0] ?? '',
          String(of.dataLengthBytes),
          String(of.numChildren),
        ],
  );
  const left = stat.numChildren - children.length;
  return [
    ...facts,
    ...(data.length === 0 ? [] : ['', ...content]),
    ...(rows.length === 0
      ? []
      : ['', ...columns([['CHILD', 'KIND', 'BYTES', 'CHILDREN'], ...rows])]),
    ...(left > 0 ? [`… and ${left} more: --limit N shows them`] : []),
  ].join('\n');
}

/** For programs. */
export function nodeJson({ path, stat, data, acl, children }: NodePicture): string {
  const content = isUtf8(data)
    ? { data: data.toString('utf8') }
    : { base64: data.toString('base64') };
  return JSON.stringify(
    { path, ...content, acl: acl ?? null, stat, children },
    (_, value: unknown) => (typeof value === 'bigint' ? String(value) : value),
  );
}
