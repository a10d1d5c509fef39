import { type IncomingMessage, request as requestHttp } from 'node:http';
import { request as requestHttps } from 'node:https';
import { deferred } from '../kernel/abort.ts';

/**
 * Asks by GET and resolves with the answer as soon as its head is there; redirects are not followed. Not `fetch`, which refuses
 * some eighty ports as bad ones, on which a provider may well serve.
 *
 * @param signal ends the request and, later, the reading of the body.
 */
export async function httpGet(
  url: URL,
  headers: Readonly<Record<string, string>>,
  signal: AbortSignal,
): Promise<IncomingMessage> {
  const answer = deferred<IncomingMessage>();
  const make = url.protocol === 'https:' ? requestHttps : requestHttp;
  const request = make(url, { headers, signal, agent: false });
  request.once('response', answer.resolve);
  request.on('error', answer.reject);
  request.end();
  return answer.promise;
}

/** @throws Error when the body is longer than `limitBytes`. */
export async function bodyText(
  answer: AsyncIterable<Uint8Array>,
  limitBytes: number,
): Promise<string> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of answer) {
    bytes += chunk.length;
    if (bytes > limitBytes) throw new Error(`the answer is longer than ${limitBytes} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}
