import { get, type RequestOptions } from 'node:https';
import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { expect } from 'vitest';
import { certificates } from '../support/certificates.ts';
import { httpDaemon } from '../support/http-daemon.ts';
import { needs } from '../support/programs.ts';

async function ask(url: string, options: RequestOptions): Promise<string> {
  const [response]: IncomingMessage[] = await once(
    get(url, { agent: false, ...options }),
    'response',
  );
  let text = '';
  for await (const chunk of response ?? []) text += String(chunk);
  return text;
}

needs('openssl')('with a certificate everything is served over TLS', async () => {
  await using made = await certificates();
  const { cert, key } = made.server;
  await using daemon = await httpDaemon({ tls: { cert, key } });
  expect(daemon.url).toMatch(/^https:/);
  daemon.aggregator.setService('orders', [{ id: 'o-1' }]);
  const text = await ask(`${daemon.url}/v1/services/orders/providers`, { ca: made.ca });
  expect(JSON.parse(text).providers).toMatchObject([{ id: 'o-1' }]);
  await expect(ask(`${daemon.url}/healthz`, {})).rejects.toThrow(/certificate/);
});
