import { connect } from 'node:net';
import { readHostPort } from '../daemon/index.ts';
import { deferred } from '../kernel/abort.ts';
import { errorText } from '../kernel/errors.ts';
import { httpGet } from './http-get.ts';

export type Target =
  | { readonly kind: 'http'; readonly url: URL }
  | { readonly kind: 'tcp'; readonly host: string; readonly port: number };

export const TARGET_HINT =
  'a check looks like http://127.0.0.1:8080/health, https://… or tcp://127.0.0.1:8080';

/** Reads `http://…`, `https://…` or `tcp://host:port`; undefined when it is none of them. */
export function readTarget(text: string): Target | undefined {
  if (/^https?:\/\//.test(text)) {
    return URL.canParse(text) ? { kind: 'http', url: new URL(text) } : undefined;
  }
  const tcp = text.startsWith('tcp://') ? readHostPort(text.slice('tcp://'.length)) : undefined;
  return tcp === undefined || tcp.port === 0 ? undefined : { kind: 'tcp', ...tcp };
}

/**
 * Tries the target once: a TCP connection, or an HTTP GET whose answer is below 400 (a redirect is an answer and is not followed).
 *
 * @returns undefined when it went well, otherwise why not, for people. Throws nothing; `signal` ends it as a failure.
 */
export async function probe(target: Target, signal: AbortSignal): Promise<string | undefined> {
  try {
    return target.kind === 'http'
      ? await probeHttp(target.url, signal)
      : await probeTcp(target, signal);
  } catch (error) {
    if (signal.aborted) return 'no answer in time';
    return error instanceof Error && 'code' in error ? String(error.code) : errorText(error);
  }
}

async function probeHttp(url: URL, signal: AbortSignal): Promise<string | undefined> {
  const answer = await httpGet(url, {}, signal);
  answer.destroy();
  const status = answer.statusCode ?? 0;
  return status < 400 ? undefined : `it answers ${status}`;
}

async function probeTcp(
  { host, port }: { readonly host: string; readonly port: number },
  signal: AbortSignal,
): Promise<undefined> {
  const connected = deferred<undefined>();
  const socket = connect({ host, port, signal });
  socket.once('connect', () => connected.resolve(undefined));
  socket.once('error', connected.reject);
  try {
    return await connected.promise;
  } finally {
    socket.destroy();
  }
}
