import { layout } from '../../src/registry/index.ts';
import { openSession } from '../../src/zookeeper/index.ts';

const DIRECTORIES_AT_ONCE = 10;
const READS_UNDER_WAY = 4;

/**
 * What no view can do without: every list and every provider read by `multiRead`, its JSON parsed, kept in one Map. Nothing is
 * watched, checked, indexed or kept current.
 *
 * @returns how many providers were read.
 */
export async function loadTogether(servers: string, root: string): Promise<number> {
  await using session = await openSession({ servers, timeoutMs: 10_000 });
  const where = layout(root);
  const { children: services } = await session.getChildren(where.services);
  const directories = services.map(service => where.providers(service));
  const runs: { readonly path: string; readonly names: readonly string[] }[] = [];
  for (let from = 0; from < directories.length; from += 40) {
    const requests = directories
      .slice(from, from + 40)
      .map(path => ({ kind: 'children', path }) as const);
    for (const result of await session.multiRead(requests)) {
      if (result.kind !== 'children') throw new Error(`${result.path} is not to be listed`);
      runs.push({ path: result.path, names: result.children });
    }
  }
  const providers = new Map<string, unknown>();
  let next = 0;
  const worker = async (): Promise<void> => {
    for (let from = next; from < runs.length; from = next) {
      next = from + DIRECTORIES_AT_ONCE;
      const requests = runs.slice(from, next).map(run => ({ kind: 'siblings', ...run }) as const);
      for (const result of await session.multiRead(requests)) {
        if (result.kind !== 'siblings') throw new Error(`${result.path} is not to be read`);
        for (const { path, content } of result.nodes)
          providers.set(path, JSON.parse(content.toString('utf8')));
      }
    }
  };
  await Promise.all(Array.from({ length: READS_UNDER_WAY }, worker));
  return providers.size;
}
