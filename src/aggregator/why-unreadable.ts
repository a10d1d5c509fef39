import type { Mirror, ZnodePath } from '../zookeeper/index.ts';

/** Why the first of these paths that cannot be read cannot, for people; undefined: all of them can. */
export function whyUnreadable(
  untrusted: readonly Mirror['untrusted'][],
  paths: readonly ZnodePath[],
): string | undefined {
  for (const path of paths) {
    const error = untrusted.map(errors => errors.get(path)).find(found => found !== undefined);
    if (error !== undefined) return `${path} cannot be read: ${error.message}`;
  }
  return undefined;
}
