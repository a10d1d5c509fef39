import { createHash } from 'node:crypto';

/** A strong entity tag: 132 bits of the body's SHA-256. Equal bodies have equal tags, on every replica. */
export function etagOf(body: Buffer): string {
  return `"${createHash('sha256').update(body).digest('base64url').slice(0, 22)}"`;
}

/** One entity tag of a list (RFC 9110, 8.8.3); a weak one's `W/` stays outside of the group. */
const ENTITY_TAG = /(?:W\/)?("[\x21\x23-\x7e\x80-\xff]*")/g;

/**
 * Whether `If-None-Match` names `etag`: a single tag, a list, or `*`, by the weak comparison (RFC 9110, 13.1.2).
 * A value that holds no entity tag matches nothing, so that a client with a broken cache gets the whole answer.
 */
export function matchesEtag(ifNoneMatch: string, etag: string): boolean {
  if (ifNoneMatch === etag) return true;
  if (ifNoneMatch.trim() === '*') return true;
  for (const found of ifNoneMatch.matchAll(ENTITY_TAG)) {
    if (found[1] === etag) return true;
  }
  return false;
}
