/** Where things lie below the root (default `/rollcall`). Pure: strings in, strings out. */

import { isServiceName } from './record.ts';

export const DEFAULT_ROOT = '/rollcall';

export interface Layout {
  readonly root: string;
  readonly services: string;
  readonly overrides: string;
  readonly derived: string;
  readonly members: string;
  readonly election: string;
  service(name: string): string;
  providers(service: string): string;
  consumers(service: string): string;
  /** The id is percent-encoded in the name of the node, so that every id that the record allows has a legal znode name. */
  override(service: string, id: string): string;
}

export function layout(root: string = DEFAULT_ROOT): Layout {
  const services = `${root}/services`;
  const overrides = `${root}/overrides`;
  return {
    root,
    services,
    overrides,
    derived: `${root}/derived`,
    members: `${root}/aggregators/members`,
    election: `${root}/aggregators/election`,
    service: name => `${services}/${name}`,
    providers: service => `${services}/${service}/providers`,
    consumers: service => `${services}/${service}/consumers`,
    override: (service, id) => `${overrides}/${service}/${encodeURIComponent(id)}`,
  };
}

/** What a path below the layout's root is. */
export type Place =
  | { readonly kind: 'services' }
  | { readonly kind: 'service'; readonly service: string }
  | { readonly kind: 'providers'; readonly service: string }
  | { readonly kind: 'consumers'; readonly service: string }
  | { readonly kind: 'provider'; readonly service: string; readonly node: string }
  | { readonly kind: 'consumer'; readonly service: string; readonly node: string }
  | { readonly kind: 'override'; readonly service: string; readonly id: string }
  | { readonly kind: 'member'; readonly node: string }
  | { readonly kind: 'derived'; readonly name: string }
  | { readonly kind: 'other' };

const OTHER: Place = { kind: 'other' };

function placeOfService(parts: readonly string[]): Place {
  const [service, list, node] = parts;
  if (service === undefined) return { kind: 'services' };
  if (!isServiceName(service)) return OTHER;
  if (list === undefined) return { kind: 'service', service };
  if (list !== 'providers' && list !== 'consumers') return OTHER;
  if (node === undefined) return { kind: list, service };
  if (parts.length > 3) return OTHER;
  return list === 'providers'
    ? { kind: 'provider', service, node }
    : { kind: 'consumer', service, node };
}

function decode(name: string): string | undefined {
  try {
    return decodeURIComponent(name);
  } catch {
    return undefined;
  }
}

/** Tells what `path` is; `other` for whatever is not ours to read. */
export function placeOf(where: Layout, path: string): Place {
  if (path === where.services || path.startsWith(`${where.services}/`)) {
    return placeOfService(path.slice(where.services.length).split('/').slice(1));
  }
  if (path.startsWith(`${where.overrides}/`)) {
    const [service, name, ...rest] = path.slice(where.overrides.length + 1).split('/');
    const id = name === undefined ? undefined : decode(name);
    if (service === undefined || id === undefined || rest.length > 0) return OTHER;
    return { kind: 'override', service, id };
  }
  if (path.startsWith(`${where.members}/`)) {
    return { kind: 'member', node: path.slice(where.members.length + 1) };
  }
  if (path.startsWith(`${where.derived}/`)) {
    return { kind: 'derived', name: path.slice(where.derived.length + 1) };
  }
  return OTHER;
}

/**
 * The sequence number at the end of a sequential node's name, or undefined. After 2^31 - 1 creates it is negative, and then its sign
 * stands besides the dash that separates it: `x-0000000007` is 7, `x--2147483648` is -2147483648, `x--000000005` is -5.
 */
export function sequenceOf(node: string): number | undefined {
  const [, separated, bare] = /-(-\d{9,10}|\d{10})$|(\d{10})$/.exec(node) ?? [];
  const digits = separated ?? bare;
  return digits === undefined ? undefined : Number(digits);
}
