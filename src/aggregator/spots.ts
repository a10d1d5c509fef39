import { type Layout, type Place, placeOf, isServiceName } from '../registry/index.ts';
import type { MirrorNode, ZnodePath } from '../zookeeper/index.ts';

/** What a mirrored path is to the view. */
export type Spot =
  | Exclude<Place, { readonly kind: 'other' | 'provider' | 'consumer' }>
  | { readonly kind: 'provider' | 'consumer'; readonly service: string }
  /** The overrides of all services, and those of one. */
  | { readonly kind: 'all-overrides' }
  | { readonly kind: 'overrides'; readonly service: string }
  /** Below the services, under a name that no service may have. */
  | { readonly kind: 'bad-name'; readonly isProvider: boolean }
  | { readonly kind: 'other' };

/** How many directories are remembered before all are forgotten: more than there are, unless names come and go for ever. */
const MAX_DIRECTORIES = 200_000;

/** Tells what nodes are. Remembers directories: of a hundred thousand providers only the directory is looked at closely. */
export interface Spots {
  of(node: MirrorNode): Spot;
  /** What all nodes in a directory are; undefined: not all of them the same. */
  within(directory: ZnodePath): Spot | undefined;
}

export function spots(where: Layout): Spots {
  /** What the nodes in a directory are; undefined: not all of them the same. */
  const directories = new Map<ZnodePath, Spot | undefined>();

  const within = (directory: ZnodePath): Spot | undefined => {
    const known = directories.get(directory);
    if (known !== undefined || directories.has(directory)) return known;
    const spot = childrenOf(spotOf(where, directory));
    if (directories.size >= MAX_DIRECTORIES) directories.clear();
    directories.set(directory, spot);
    return spot;
  };

  return { of: node => within(node.parent) ?? spotOf(where, node.path), within };
}

function childrenOf(directory: Spot): Spot | undefined {
  if (directory.kind === 'providers') return { kind: 'provider', service: directory.service };
  if (directory.kind === 'consumers') return { kind: 'consumer', service: directory.service };
  return undefined;
}

function spotOf(where: Layout, path: ZnodePath): Spot {
  if (path === where.overrides) return { kind: 'all-overrides' };
  if (path.startsWith(`${where.overrides}/`)) return overrideSpot(where, path);
  const place = placeOf(where, path);
  if (place.kind !== 'other' || !path.startsWith(`${where.services}/`)) return place;
  const [service, list, node] = path.slice(where.services.length + 1).split('/');
  if (service !== undefined && isServiceName(service)) return place;
  return { kind: 'bad-name', isProvider: list === 'providers' && node !== undefined };
}

function overrideSpot(where: Layout, path: ZnodePath): Spot {
  const [service = '', id, rest] = path.slice(where.overrides.length + 1).split('/');
  if (rest !== undefined || !isServiceName(service)) return { kind: 'other' };
  return id === undefined ? { kind: 'overrides', service } : placeOf(where, path);
}
