import { fileURLToPath } from 'node:url';
import { expect, onTestFinished, test } from 'vitest';
import type { StreamEvents } from '../../src/http/schemas/answers.ts';
import { PickAnswer } from '../../src/http/schemas/answers.ts';
import { faultProxy, type FaultProxy } from '../../src/testing/index.ts';
import type { z } from 'zod';
import { type Crowd, crowd } from '../support/crowd.ts';
import { type Running, startProcess } from '../support/processes.ts';
import { createsOf } from '../support/session.ts';
import { type SseClient, sseClient } from '../support/sse-client.ts';
import { streamCopy } from '../support/stream-copy.ts';
import { idsOf, startSystem, type System } from '../support/system.ts';
import { sharedServers, testServers } from '../support/zookeeper.ts';

const WAIT = { timeout: 60_000, interval: 20 };
/** Of those that are to vanish soon. Not so short that a busy machine makes them vanish by itself. */
const TIMEOUT_MS = 2_000;
/** What counts as one moment: a busy server ends ten sessions one by one. */
const MOMENT_MS = 15_000;
/** Of those that are to stay. */
const LONG_MS = 20_000;
/** Long enough for what is to be seen while it lasts, on a slow machine too. */
const HOLD_MS = 8_000;
const ALL = '/v1/services/orders/providers';

interface Stage {
  readonly system: System;
  readonly stream: SseClient;
  /** In front of those that are to vanish. */
  readonly link: FaultProxy;
  readonly doomed: Crowd;
  readonly others: Crowd;
}

/** `doomed` providers whose way to ZooKeeper is one, and `others` on ways of their own; each has a session of its own. */
async function stage(doomed: number, others: number, holdMs = HOLD_MS): Promise<Stage> {
  const servers = await testServers();
  const link = await faultProxy({ target: sharedServers() });
  onTestFinished(() => link.close());
  const throughLink = servers.replace(sharedServers(), link.address);
  const timeoutMs = TIMEOUT_MS;
  const some = await crowd(throughLink, { sessions: doomed, prefix: 'doomed-', timeoutMs });
  const rest = await crowd(servers, {
    sessions: others,
    prefix: 'other-',
    timeoutMs: LONG_MS,
  });
  const system = await startSystem(servers, { protection: { holdMs, windowMs: MOMENT_MS } });
  const stream = await openStream(system);
  await expect.poll(() => listed(system), WAIT).toEqual([...some.ids, ...rest.ids].sort());
  return { system, stream, link, doomed: some, others: rest };
}

async function openStream(system: System): Promise<SseClient> {
  const stream = await sseClient(`${system.url}/v1/watch?service=orders`);
  onTestFinished(() => stream[Symbol.asyncDispose]());
  return stream;
}

const listed = async (system: System): Promise<readonly string[]> =>
  idsOf((await system.providers('orders')).providers);

const suspected = async (system: System): Promise<readonly string[]> =>
  idsOf((await system.providers('orders')).suspects);

async function pick(system: System): Promise<z.output<typeof PickAnswer>> {
  const { status, json, text } = await system.get('/v1/services/orders/pick');
  expect(status, text).toBe(200);
  return PickAnswer.parse(json);
}

type SuspectsEvent = z.output<(typeof StreamEvents)['suspects']>;

/** The sets of suspects that the stream told of, newest last. */
function suspectSets({ messages }: SseClient): readonly (readonly string[])[] {
  return messages
    .filter(({ event }) => event === 'suspects')
    .map(({ data }) => idsOf((data as SuspectsEvent).suspects));
}

const leftIds = ({ messages }: SseClient): readonly string[] =>
  messages
    .filter(({ event }) => event === 'left')
    .map(({ data }) => (data as { readonly id: string }).id)
    .sort();

async function causesOfLeaving(system: System): Promise<ReadonlySet<unknown>> {
  const { json } = await system.get('/v1/history?service=orders&limit=1000');
  const { entries } = json as { readonly entries: readonly Record<string, unknown>[] };
  return new Set(entries.filter(({ event }) => event === 'left').map(({ cause }) => cause));
}

function providerProcess(servers: string, id: string): Running {
  const file = (name: string): string =>
    fileURLToPath(new URL(`../support/${name}`, import.meta.url));
  const program = [file('run.mjs'), file('provider-process.ts')];
  return startProcess(process.execPath, [...program, servers, 'orders', id, String(TIMEOUT_MS)]);
}

test('a provider whose process is killed alone is gone at once, and nobody is suspected', async () => {
  const servers = await testServers();
  const others = await crowd(servers, { sessions: 3, timeoutMs: LONG_MS });
  await using victim = providerProcess(servers, 'victim');
  await victim.says(/announced/);
  const system = await startSystem(servers);
  const stream = await openStream(system);
  await expect.poll(() => listed(system), WAIT).toEqual([...others.ids, 'victim']);
  victim.kill('SIGKILL');
  await expect.poll(() => listed(system), WAIT).toEqual(others.ids);
  expect(await suspected(system)).toEqual([]);
  await expect.poll(() => leftIds(stream), WAIT).toEqual(['victim']);
  expect(suspectSets(stream).flat()).toEqual([]);
  expect(await causesOfLeaving(system)).toEqual(new Set(['crashed-or-expired']));
});

test('a provider that was the only one is gone at once, too, when its process is killed', async () => {
  const servers = await testServers();
  await using victim = providerProcess(servers, 'victim');
  await victim.says(/announced/);
  const system = await startSystem(servers);
  await expect.poll(() => listed(system), WAIT).toEqual(['victim']);
  victim.kill('SIGKILL');
  await expect.poll(() => listed(system), WAIT).toEqual([]);
  expect(await suspected(system)).toEqual([]);
  const picked = await system.get('/v1/services/orders/pick');
  expect(picked).toMatchObject({ status: 503, json: { code: 'NO_PROVIDER' } });
});

test('eight of ten that vanish at one moment are suspects beside the truth, and are let go after the hold', async () => {
  const { system, stream, link, doomed, others } = await stage(8, 2);
  await link.cut();
  await expect.poll(() => suspected(system), WAIT).toEqual(doomed.ids);
  expect(await listed(system)).toEqual(others.ids);
  expect(await system.metric('rollcall_suspects')).toBe(8);
  for (let turn = 0; turn < 40; turn += 1) {
    const picked = await pick(system);
    expect(others.ids).toContain(picked.id);
    expect(picked.suspect).toBeUndefined();
  }
  await Promise.all(others.registrations.map(each => each.close()));
  await expect.poll(() => listed(system), WAIT).toEqual([]);
  const fallback = await pick(system);
  expect(doomed.ids).toContain(fallback.id);
  expect(fallback.suspect).toBe(true);
  expect(await suspected(system)).toEqual(doomed.ids);
  const explained = await system.get(`/v1/explain/orders/${doomed.ids[0]}`);
  expect(explained.json).toMatchObject({ listed: false, suspect: { id: doomed.ids[0] } });
  await expect.poll(() => suspected(system), WAIT).toEqual([]);
  await expect
    .poll(() => system.get('/v1/services/orders/pick'), WAIT)
    .toMatchObject({
      status: 503,
      json: { code: 'NO_PROVIDER' },
    });
  await expect.poll(() => leftIds(stream), WAIT).toEqual([...doomed.ids, ...others.ids].sort());
  await expect.poll(() => suspectSets(stream).at(-1), WAIT).toEqual([]);
  expect(suspectSets(stream)).toContainEqual(doomed.ids);
});

test('a stream that connects while there are suspects is told of the whole set', async () => {
  const { system, link, doomed } = await stage(8, 2);
  await link.cut();
  await expect.poll(() => suspected(system), WAIT).toEqual(doomed.ids);
  const late = await openStream(system);
  await expect.poll(() => late.messages.length, WAIT).toBeGreaterThan(0);
  const copy = streamCopy();
  late.messages.slice(0, 1).forEach(copy.apply);
  expect(idsOf(copy.suspects('orders'))).toEqual(doomed.ids);
});

test('suspects that come back are listed again, and suspected no longer', async () => {
  const { system, stream, link, doomed, others } = await stage(8, 2, 60_000);
  const creates = doomed.sessions.map(createsOf);
  await link.cut();
  await expect.poll(() => suspected(system), WAIT).toEqual(doomed.ids);
  await link.heal();
  await expect.poll(() => listed(system), WAIT).toEqual([...doomed.ids, ...others.ids].sort());
  expect(await suspected(system)).toEqual([]);
  await expect.poll(() => suspectSets(stream).at(-1), WAIT).toEqual([]);
  await doomed.proven();
  expect(doomed.sessions.map(createsOf)).toEqual(creates.map(count => count + 1));
});

test('eight of ten that drain at one moment are never suspects', async () => {
  const { system, stream, doomed, others } = await stage(8, 2);
  await Promise.all(doomed.registrations.map(each => each.close()));
  await expect.poll(() => listed(system), WAIT).toEqual(others.ids);
  expect(await suspected(system)).toEqual([]);
  await expect.poll(() => leftIds(stream), WAIT).toEqual(doomed.ids);
  expect(suspectSets(stream).flat()).toEqual([]);
  expect(await causesOfLeaving(system)).toEqual(new Set(['deregistered']));
  expect(await system.metric('rollcall_suspects')).toBe(0);
});

test('eight providers of one process that dies are gone at once: one session is no mass event', async () => {
  const servers = await testServers();
  const link = await faultProxy({ target: sharedServers() });
  onTestFinished(() => link.close());
  const throughLink = servers.replace(sharedServers(), link.address);
  const doomed = await crowd(throughLink, {
    sessions: 1,
    each: 8,
    prefix: 'doomed-',
    timeoutMs: TIMEOUT_MS,
  });
  const others = await crowd(servers, { sessions: 2, prefix: 'other-', timeoutMs: LONG_MS });
  const system = await startSystem(servers);
  await expect.poll(() => listed(system), WAIT).toEqual([...doomed.ids, ...others.ids].sort());
  await link.cut();
  await expect.poll(() => listed(system), WAIT).toEqual(others.ids);
  expect(await suspected(system)).toEqual([]);
  const { headers } = await system.get(ALL);
  expect(headers['x-rollcall-view']).toBe('live');
});
