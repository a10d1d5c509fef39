import { expect, test } from 'vitest';
import type { ListedProvider } from '../../src/aggregator/ports.ts';
import { type Clock, systemClock } from '../../src/kernel/clock.ts';
import { nextTurn } from '../../src/kernel/turn.ts';
import { eventually } from '../support/eventually.ts';
import { type HttpDaemon, httpDaemon } from '../support/http-daemon.ts';
import { sseClient } from '../support/sse-client.ts';

const PROVIDERS = 3_000;

/** Each time that it is looked at is a millisecond later. */
function lookedAt(): Clock {
  let nowMs = 0;
  return { ...systemClock, nowMs: () => (nowMs += 1) };
}

/** Tells how many providers were first looked into, at most, in one turn of the event loop. */
interface Watched {
  readonly all: number;
  readonly mostInATurn: number;
}

function watched(daemon: HttpDaemon, service: string): Watched {
  let [all, before, mostInATurn] = [0, 0, 0];
  for (const provider of daemon.aggregator.view.service(service).providers) {
    const { record } = provider;
    let isNew = true;
    Object.defineProperty(provider satisfies ListedProvider, 'record', {
      get() {
        if (isNew) all += 1;
        isNew = false;
        return record;
      },
    });
  }
  const look = (): void => {
    mostInATurn = Math.max(mostInATurn, all - before);
    before = all;
    if (all < PROVIDERS) nextTurn(look);
  };
  look();
  return {
    get all() {
      return all;
    },
    get mostInATurn() {
      return mostInATurn;
    },
  };
}

async function crowded(): Promise<HttpDaemon> {
  const daemon = await httpDaemon({ clock: lookedAt() });
  const sketches = Array.from({ length: PROVIDERS }, (_, index) => ({ id: `o-${index}` }));
  for (const service of ['orders', 'shop']) daemon.aggregator.setService(service, sketches);
  return daemon;
}

test.each(['', '/providers', '/providers?zone=', '/providers?index=1', '/pick'])(
  'nobody else waits for thousands of providers that are asked for at once: %s',
  async path => {
    await using daemon = await crowded();
    const [orders, shop] = [watched(daemon, 'orders'), watched(daemon, 'shop')];
    const answers = await Promise.all(
      ['orders', 'shop', 'orders'].map(async service => {
        const response = await fetch(`${daemon.url}/v1/services/${service}${path}`);
        return { status: response.status, body: await response.text() };
      }),
    );
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200]);
    if (path === '/providers')
      expect(JSON.parse(answers[0]?.body ?? '')).toMatchObject({
        providers: { length: PROVIDERS },
      });
    await eventually(() => expect([orders.all, shop.all]).toEqual([PROVIDERS, PROVIDERS]));
    expect(orders.mostInATurn).toBeLessThanOrEqual(PROVIDERS / 5);
    expect(shop.mostInATurn).toBeLessThanOrEqual(PROVIDERS / 5);
  },
);

test.each(['?service=orders', ''])('nor for those whose stream begins: %s', async query => {
  await using daemon = await crowded();
  const orders = watched(daemon, 'orders');
  await using client = await sseClient(`${daemon.url}/v1/watch${query}`);
  expect(client.response.statusCode).toBe(200);
  expect(orders.all).toBe(PROVIDERS);
  await eventually(() => expect(orders.mostInATurn).toBeGreaterThan(0));
  expect(orders.mostInATurn).toBeLessThanOrEqual(PROVIDERS / 5);
});
