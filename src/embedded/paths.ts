/** Nodes that every ZooKeeper has, and that cannot be deleted. */
export const BUILT_IN = ['/', '/zookeeper', '/zookeeper/config', '/zookeeper/quota'] as const;

const builtIn: ReadonlySet<string> = new Set(BUILT_IN);

export const isBuiltIn = (path: string): boolean => builtIn.has(path);

/** The parent's path, `/` for children of the root; undefined where there is no slash. */
export function parentOf(path: string): string | undefined {
  const slash = path.lastIndexOf('/');
  if (slash < 0) return undefined;
  return slash === 0 ? '/' : path.slice(0, slash);
}

export const nameOf = (path: string): string => path.slice(path.lastIndexOf('/') + 1);

// oxlint-disable-next-line no-control-regex -- they are what is refused
const FORBIDDEN = /[\u0000-\u001f\u007f-\u009f\ud800-\uf8ff\ufff0-\uffff]|\/\/|\/\.{1,2}(?:\/|$)/;

/** ZooKeeper's own rule (`PathUtils.validatePath`): whether `path` may name a node. */
export function isValidPath(path: string): boolean {
  if (path === '/') return true;
  return path.startsWith('/') && !path.endsWith('/') && !FORBIDDEN.test(path);
}
