import type { IncomingMessage } from 'node:http';
import { RollcallError } from '../kernel/errors.ts';
import { refusal } from './problem.ts';

/** Scheme and authority of a target in absolute form: so asks who takes the daemon for a proxy (RFC 9112, 3.2.2). */
const ORIGIN = /^https?:\/\/[^/?#]+/i;

/**
 * The path that a request asks for, without its query: a query may hold what should not be repeated. What is no path, like `*`, is
 * left as it is.
 */
export function pathOfTarget(target: string): string {
  const end = target.indexOf('?');
  const bare = end === -1 ? target : target.slice(0, end);
  return bare.startsWith('/') ? bare : (pathOfAbsolute(bare) ?? bare);
}

function pathOfAbsolute(target: string): string | undefined {
  const origin = ORIGIN.exec(target)?.[0];
  return origin === undefined ? undefined : target.slice(origin.length) || '/';
}

/** By this Node tells that it has answered `Expect` with 100. */
const CONTINUE = /(?:^|\W)100-continue(?:$|\W)/i;

/**
 * What is wrong with a request whatever it asks for (RFC 9112, 3.2; RFC 9110, 10.1.1). Node would answer most of it by itself, with
 * a status and nothing else.
 */
export function formFault(head: IncomingMessage): RollcallError | undefined {
  if (!pathOfTarget(head.url ?? '').startsWith('/')) {
    return new RollcallError('INVALID_REQUEST', 'the target is no path: ask for one, like /docs');
  }
  const { host, expect } = head.headers;
  if (host === undefined && head.httpVersion === '1.1') {
    return refusal([{ field: 'Host', message: 'is missing: HTTP/1.1 wants this header' }]);
  }
  if (host !== undefined && countOf(head.rawHeaders, 'host') > 1) {
    return refusal([{ field: 'Host', message: 'is given more than once' }]);
  }
  if (expect !== undefined && !CONTINUE.test(expect)) {
    return refusal([{ field: 'Expect', message: 'only 100-continue can be met' }], 417);
  }
  return undefined;
}

/** How often a header is given; `rawHeaders` holds names and values in turn. */
function countOf(rawHeaders: readonly string[], name: string): number {
  let count = 0;
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const given = rawHeaders[at];
    if (given?.length === name.length && given.toLowerCase() === name) count += 1;
  }
  return count;
}
