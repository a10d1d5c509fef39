import type { ServerResponse } from 'node:http';
import { Socket } from 'node:net';
import { Writable } from 'node:stream';
import { expect, test } from 'vitest';
import type { FeedEvent, FeedOptions } from '../../../src/aggregator/ports.ts';
import { openStream } from '../../../src/http/stream.ts';
import { manualClock } from '../../../src/testing/index.ts';
import { listed } from '../../support/fake-aggregator.ts';

/** A response whose client takes one write when it is told to. */
class Taking extends Writable {
  headersSent = false;
  readonly req = { socket: new Socket() };
  text = '';
  private taken: (() => void) | undefined;

  writeHead(): void {
    this.headersSent = true;
  }

  override _write(chunk: Buffer, _encoding: string, callback: () => void): void {
    this.text += chunk.toString();
    this.taken = callback;
  }

  /** Resolves when what the client's taking brought about has happened. Returns whether there was anything to take. */
  async take(): Promise<boolean> {
    const { taken } = this;
    this.taken = undefined;
    taken?.();
    await new Promise(resolve => setImmediate(resolve));
    return taken !== undefined;
  }
}

function opened() {
  const clock = manualClock();
  const response = new Taking({ highWaterMark: 16 * 1024 });
  const calls: string[] = [];
  let subscriber: FeedOptions | undefined;
  const stream = openStream(response as unknown as ServerResponse, {
    feed: {
      subscribers: 0,
      subscribe(options) {
        subscriber = options;
        return {
          drained: () => void calls.push('drained'),
          taking: () => void calls.push('taking'),
          close: () => void calls.push('closed'),
        };
      },
    },
    clock,
    services: undefined,
    resumeFrom: undefined,
    headers: {},
    heartbeatMs: 15_000,
    stalledMs: 30_000,
    retryMs: () => 1_000,
    onEnded: () => undefined,
  });
  const provider = listed('orders', { id: 'o-1', metadata: { text: 'x'.repeat(4_000) } }, 7n);
  const providers = Array.from({ length: 200 }, () => provider);
  const place = { service: 'orders', index: 7n } as const;
  const large: FeedEvent = { type: 'snapshot', ...place, providers, suspects: [] };
  const send = (): boolean | undefined => subscriber?.onBatch({ id: 7n, events: [large] });
  return { clock, response, calls, stream, send };
}

test('a client that takes a large batch slowly but steadily is not stalled, and the feed hears that it takes', async () => {
  const { clock, response, calls, stream, send } = opened();
  await response.take();
  expect(send()).toBe(false);
  let taken = 0;
  while (!response.text.includes('\nid: 7\n') && (await response.take())) {
    taken += 1;
    await clock.advance(29_000);
    stream.tick();
  }
  expect(taken).toBeGreaterThan(10);
  expect(response.destroyed).toBe(false);
  expect(calls.at(-1)).toBe('drained');
  expect(new Set(calls.slice(0, -1))).toEqual(new Set(['taking']));
  expect(response.text).toMatch(/\nid: 7\n\n/);
});

test('a client that takes a part and then nothing more is dropped when its time is over', async () => {
  const { clock, response, calls, stream, send } = opened();
  await response.take();
  send();
  await clock.advance(20_000);
  await response.take();
  await clock.advance(29_999);
  stream.tick();
  expect(calls).not.toContain('closed');
  await clock.advance(1);
  stream.tick();
  expect(calls).toContain('closed');
  expect(response.destroyed).toBe(true);
});

test('a goodbye in the middle of a batch comes after the whole of it', async () => {
  const { response, stream, send } = opened();
  await response.take();
  send();
  await response.take();
  stream.leave();
  while (await response.take());
  expect(response.text).toMatch(/\nid: 7\n\nevent: goodbye\n/);
});
