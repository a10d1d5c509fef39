import type { Layout } from '../registry/index.ts';
import type { Mirror, ZnodePath } from '../zookeeper/index.ts';
import type { ServiceEntry } from './service-entry.ts';
import type { ServiceTable } from './service-table.ts';

/** A list that an answer could be made of: of all services, of one service's providers, of its consumers. */
export type ClaimedList =
  | { readonly of: 'services' }
  | { readonly of: 'providers' | 'consumers'; readonly service: string };

/**
 * What is not to be claimed, because it cannot be read: an empty list would be taken for the truth, and so would the first few hundred
 * of one that can be read again. What was known before it could not be read any more stays known.
 */
export interface ViewDoubts {
  /** Why nothing is known of the list, for people; undefined: it is as it is shown. */
  about(list: ClaimedList): string | undefined;
  /** Why there seem to be no consumers anywhere; undefined: there are some, or all that could name one can be read. */
  aboutTopology(): string | undefined;
  /** Something is about to be taken into the list. */
  grows(list: ClaimedList): void;
  /** The mirror delivered something. `waits`: some of it is still to be applied, and may be trusted before it is. */
  delivered(waits: boolean): void;
  /** Nothing waits to be applied. */
  applied(): void;
  /** What is untrusted, or waits, may be less than before. */
  settle(): void;
}

export interface ViewDoubtsParts {
  readonly where: Layout;
  readonly mirror: Pick<Mirror, 'untrusted'>;
  readonly table: ServiceTable;
}

export function viewDoubts({ where, mirror, table }: ViewDoubtsParts): ViewDoubts {
  /** What was untrusted when batches came of which something waits. */
  let waiting: Mirror['untrusted'] | undefined;
  /** Lists that began to be filled while they could not be read. */
  const begun = new Map<string, ClaimedList>();

  const isClear = (): boolean => mirror.untrusted.size === 0 && waiting === undefined;

  const why = (paths: readonly ZnodePath[]): string | undefined => {
    for (const path of paths) {
      const error = mirror.untrusted.get(path) ?? waiting?.get(path);
      if (error !== undefined) return `${path} cannot be read: ${error.message}`;
    }
    return undefined;
  };

  const whyNot = (list: ClaimedList): string | undefined => {
    if (list.of === 'services') return why([where.services]);
    const { of, service } = list;
    return why([where.services, where.service(service), where[of](service)]);
  };

  const hasOne = (is: (entry: ServiceEntry) => boolean): boolean => {
    for (const entry of table.entries()) if (is(entry)) return true;
    return false;
  };

  const isEmpty = (list: ClaimedList): boolean => {
    if (list.of === 'services') return !hasOne(({ present }) => present);
    const entry = table.get(list.service);
    if (entry === undefined) return true;
    const { state, consumers } = entry;
    return (list.of === 'providers' ? state.listed : consumers).size === 0;
  };

  return {
    about(list) {
      if (isClear() || (!begun.has(keyOf(list)) && !isEmpty(list))) return undefined;
      return whyNot(list);
    },
    aboutTopology() {
      if (isClear() || hasOne(({ consumers }) => consumers.size > 0)) return undefined;
      const ofServices = Array.from(table.entries(), ({ name, servicePath }) => [
        servicePath,
        where.consumers(name),
      ]);
      return why([where.services, ...ofServices.flat()]);
    },
    grows(list) {
      if (!isClear() && whyNot(list) !== undefined && isEmpty(list)) begun.set(keyOf(list), list);
    },
    delivered(waits) {
      if (waits && mirror.untrusted.size > 0)
        waiting = new Map([...(waiting ?? []), ...mirror.untrusted]);
    },
    applied() {
      waiting = undefined;
    },
    settle() {
      for (const [key, list] of begun) if (whyNot(list) === undefined) begun.delete(key);
    },
  };
}

function keyOf(list: ClaimedList): string {
  return list.of === 'services' ? list.of : `${list.of} ${list.service}`;
}
