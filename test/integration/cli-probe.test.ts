import { createServer } from 'node:http';
import { expect, test } from 'vitest';
import { probe, readTarget } from '../../src/cli/probe.ts';

/** Ports of the list that browsers (and Node's fetch) refuse to speak with. */
const BAD_PORTS = [6000, 6566, 6665, 6666, 6667, 6668, 6669, 6679, 6697, 10_080];

async function check(url: string, signal = new AbortController().signal) {
  const target = readTarget(url);
  return target === undefined ? 'not a target' : probe(target, signal);
}

async function serving(port: number, status: number) {
  const web = createServer((_request, response) => response.writeHead(status).end('x'));
  await new Promise<void>((resolve, reject) => {
    web.once('error', reject);
    web.listen(port, '127.0.0.1', resolve);
  });
  return web;
}

test('a check may be on a port that fetch would refuse', async () => {
  for (const port of BAD_PORTS) {
    const web = await serving(port, 200).catch(() => undefined);
    if (web === undefined) continue; // taken by somebody else: the next one
    expect(await check(`http://127.0.0.1:${port}/`)).toBeUndefined();
    expect(await check(`tcp://127.0.0.1:${port}`)).toBeUndefined();
    web.closeAllConnections();
    web.close();
    return;
  }
  throw new Error(`none of the ports ${BAD_PORTS.join(', ')} is free`);
});

test('a check that fails says why, and one that is given up ends', async () => {
  const web = await serving(0, 503);
  const address = web.address();
  const port = typeof address === 'object' ? (address?.port ?? 0) : 0;
  expect(await check(`http://127.0.0.1:${port}/`)).toBe('it answers 503');
  const over = new AbortController();
  web.removeAllListeners('request');
  web.once('request', () => over.abort());
  expect(await check(`http://127.0.0.1:${port}/`, over.signal)).toBe('no answer in time');
  web.closeAllConnections();
  web.close();
  expect(await check(`http://127.0.0.1:${port}/`)).toBe('ECONNREFUSED');
  expect(await check(`tcp://127.0.0.1:${port}`)).toBe('ECONNREFUSED');
});
