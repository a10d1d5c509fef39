import { nodeKind } from '../../src/cli/tree/node-kind.ts';
import type { Session } from '../../src/zookeeper/index.ts';

/** What an export keeps of each node below `root`, that one included, by path. */
export async function treePicture(
  session: Session,
  root: string,
): Promise<Readonly<Record<string, unknown>>> {
  const picture: Record<string, unknown> = {};
  const visit = async (path: string): Promise<void> => {
    const { data, stat } = await session.getData(path);
    const kind = nodeKind(stat);
    if (kind.kind === 'ephemeral') return;
    const { acl } = await session.getAcl(path);
    picture[path] = { data: data.toString('base64'), acl, kind };
    const { children } = await session.getChildren(path);
    for (const name of children.toSorted()) await visit(`${path}/${name}`);
  };
  await visit(root);
  return picture;
}
