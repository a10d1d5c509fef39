import { hasCode } from '../../kernel/errors.ts';
import type { Layout } from '../../registry/index.ts';
import type { Session } from '../../zookeeper/index.ts';
import { fail, type Finding, ok, warn } from './finding.ts';

/** Lists that are asked for at one time. */
const AT_ONCE = 64;

interface List {
  readonly path: string;
  readonly children: number;
  readonly bytes: number;
}

/** An answer to getChildren: 16 bytes of header, a count, and each name with its length (jute). */
function answerBytes(names: readonly string[]): number {
  return names.reduce((sum, name) => sum + 4 + Buffer.byteLength(name), 16 + 4);
}

async function sizeOf(
  session: Session,
  path: string,
): Promise<List & { readonly names: readonly string[] }> {
  try {
    const { children } = await session.getChildren(path);
    return { path, names: children, children: children.length, bytes: answerBytes(children) };
  } catch (error) {
    if (!hasCode(error, 'NO_NODE', 'NO_AUTH')) throw error;
    return { path, names: [], children: 0, bytes: 0 };
  }
}

/** Measures the lists that grow with use against what a packet may be: Java clients fail at its limit. */
export async function examineSizes(session: Session, where: Layout): Promise<readonly Finding[]> {
  const services = await sizeOf(session, where.services);
  const lists: List[] = [services];
  for (let at = 0; at < services.names.length; at += AT_ONCE) {
    const some = services.names.slice(at, at + AT_ONCE);
    lists.push(...(await Promise.all(some.map(name => sizeOf(session, where.providers(name))))));
  }
  const providers = lists.slice(1).reduce((sum, list) => sum + list.children, 0);
  const largest = lists.reduce((most, list) => (list.bytes > most.bytes ? list : most));
  return [
    ok('sizes', `${services.children} services, ${providers} providers`),
    judgeList(largest, session.maxPacketBytes),
  ];
}

function judgeList({ path, children, bytes }: List, limitBytes: number): Finding {
  const percent = Math.round((bytes / limitBytes) * 100);
  const text = `the longest list is ${path}: ${children} names, ${bytes} bytes, ${percent} % of a packet (jute.maxbuffer, 1 MiB by default)`;
  const remedy =
    'split the service, shorten the names, or raise jute.maxbuffer on every server and client';
  if (percent >= 80) return fail('sizes', text, remedy);
  if (percent >= 50) return warn('sizes', text, remedy);
  return ok('sizes', text);
}
