import type { Layout } from '../registry/index.ts';
import type { ZnodePath } from '../zookeeper/index.ts';
import { type ConsumersState, consumersState } from './consumers-state.ts';
import type { ServiceState } from './service-state.ts';

/** One service's place in the view: its providers, its consumers, and where its directories lie. */
export interface ServiceEntry {
  readonly name: string;
  readonly state: ServiceState;
  readonly consumers: ConsumersState;
  /** Whether it has a directory. Without one it is remembered for its overrides, its suspects, and those who resume. */
  present: boolean;
  overrides: number;
  readonly servicePath: ZnodePath;
  readonly overridesPath: ZnodePath;
  /** Those of its directories that are there. One may be known before the service's own is. */
  readonly directories: Set<'providers' | 'consumers' | 'overrides'>;
}

export function serviceEntry(where: Layout, state: ServiceState): ServiceEntry {
  const { name } = state;
  return {
    name,
    state,
    consumers: consumersState(),
    present: false,
    overrides: 0,
    servicePath: where.service(name),
    overridesPath: `${where.overrides}/${name}`,
    directories: new Set(),
  };
}

/** Whether forgetting it loses nothing but the memory of who left. */
export function isForgettable(entry: ServiceEntry): boolean {
  const { state, consumers } = entry;
  return (
    !entry.present &&
    entry.directories.size === 0 &&
    entry.overrides === 0 &&
    consumers.size === 0 &&
    state.listed.size === 0 &&
    state.suspects.size === 0
  );
}
