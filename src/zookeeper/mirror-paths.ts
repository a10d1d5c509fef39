import type { ZnodePath } from './api.ts';

export function childOf(parent: ZnodePath, name: string): ZnodePath {
  return parent === '/' ? `/${name}` : `${parent}/${name}`;
}

export function isAtOrBelow(path: ZnodePath, prefix: ZnodePath): boolean {
  if (prefix === '/' || path === prefix) return true;
  return path.length > prefix.length && path[prefix.length] === '/' && path.startsWith(prefix);
}
