import { etagOf } from './etag.ts';

/** An answer made from the view, ready to be sent: bytes that are encoded once and shared by all who ask. */
export interface Encoded {
  /** The published index of what was asked for. */
  readonly index: bigint;
  readonly body: Buffer;
  readonly etag: string;
  /** All that does not depend on the moment of asking. */
  readonly headers: Readonly<Record<string, string>>;
}

export function encoded(index: bigint, json: string): Encoded {
  const body = Buffer.from(json);
  const etag = etagOf(body);
  return {
    index,
    body,
    etag,
    headers: {
      'content-type': 'application/json; charset=utf-8',
      'cache-control': 'no-cache',
      etag,
      'x-rollcall-index': index.toString(),
    },
  };
}

/** How many bodies of one snapshot are kept: the whole list, and a few filters. */
const BODIES_PER_SNAPSHOT = 16;

export interface BodyCache<S extends object> {
  /** The body of `snapshot` under `key`, encoded when first asked for. `''` is the key of the default answer, which is never put out. */
  get(snapshot: S, key: string, encode: (snapshot: S) => Encoded): Encoded;
}

/** Bodies live as long as the snapshot they were made from, which the view replaces at the next change. */
export function bodyCache<S extends object>(): BodyCache<S> {
  const first = new WeakMap<S, Encoded>();
  const others = new WeakMap<S, Map<string, Encoded>>();
  return {
    get(snapshot, key, encode) {
      if (key === '') {
        let known = first.get(snapshot);
        if (known === undefined) first.set(snapshot, (known = encode(snapshot)));
        return known;
      }
      let bodies = others.get(snapshot);
      if (bodies === undefined) others.set(snapshot, (bodies = new Map()));
      const known = bodies.get(key);
      if (known !== undefined) return known;
      const made = encode(snapshot);
      if (bodies.size >= BODIES_PER_SNAPSHOT) {
        for (const oldest of bodies.keys()) {
          bodies.delete(oldest);
          break;
        }
      }
      bodies.set(key, made);
      return made;
    },
  };
}
