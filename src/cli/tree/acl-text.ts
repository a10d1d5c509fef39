import type { Acl } from '../../zookeeper/index.ts';

const RIGHTS = [
  ['c', 4],
  ['d', 8],
  ['r', 1],
  ['w', 2],
  ['a', 16],
] as const;

/** As zkCli has it: `world:anyone cdrwa`. */
export function aclText(acl: readonly Acl[]): string {
  return acl
    .map(({ permissions, scheme, id }) => {
      const rights = RIGHTS.filter(([, bit]) => (permissions & bit) !== 0).map(([name]) => name);
      return `${scheme}:${id} ${rights.join('')}`;
    })
    .join(', ');
}

/** Whether everybody may do everything. */
export function isOpen(acl: readonly Acl[]): boolean {
  return aclText(acl) === 'world:anyone cdrwa';
}

/** Whether both let the same people do the same. */
export function sameAcl(one: readonly Acl[], other: readonly Acl[]): boolean {
  const setOf = (acl: readonly Acl[]): Set<string> => new Set(acl.map(each => aclText([each])));
  const [left, right] = [setOf(one), setOf(other)];
  return left.size === right.size && [...left].every(each => right.has(each));
}
