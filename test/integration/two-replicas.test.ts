import { expect, onTestFinished, test } from 'vitest';
import { ProvidersAnswer } from '../../src/http/schemas/answers.ts';
import { layout } from '../../src/registry/index.ts';
import { faultProxy, type FaultProxy } from '../../src/testing/index.ts';
import type { Session } from '../../src/zookeeper/index.ts';
import { seededRandom } from '../support/seeded-random.ts';
import { testSession } from '../support/session.ts';
import { sseClient } from '../support/sse-client.ts';
import { streamCopy } from '../support/stream-copy.ts';
import { ask, EVERY_STATUS, startSystem, type System } from '../support/system.ts';
import { sharedServers, testServers } from '../support/zookeeper.ts';

const WAIT = { timeout: 30_000, interval: 50 };
const SERVICES = ['orders', 'payments', 'stock'];
const WRITERS = 3;
/** So often each client has gone from one replica to the other at the end. A busy machine moves fewer times in as many writes. */
const MOVES = 25;
/** A quick server takes many writes while a client moves once. */
const MOST_STEPS = 50_000;
const where = layout();

/** What is compared of a provider, whoever tells of it. */
type Facts = Readonly<Record<'id' | 'weight' | 'znode' | 'czxid', unknown>>;
type Books = Readonly<Record<string, readonly Facts[]>>;

const factsOf = ({ id, weight, znode, czxid }: Facts): Facts => ({ id, weight, znode, czxid });
const byId = (a: Facts, b: Facts): number => (String(a.id) < String(b.id) ? -1 : 1);

/** What ZooKeeper says itself. */
async function tree(session: Session): Promise<Books> {
  const books: Record<string, readonly Facts[]> = {};
  for (const service of SERVICES) {
    const directory = where.providers(service);
    const { children } = await session.getChildren(directory);
    const facts = await Promise.all(
      children.map(async name => {
        const znode = `${directory}/${name}`;
        const { data, stat } = await session.getData(znode);
        const { id, weight } = JSON.parse(data.toString('utf8')) as Omit<Facts, 'znode'>;
        return { id, weight, znode, czxid: String(stat.czxid) };
      }),
    );
    books[service] = facts.sort(byId);
  }
  return books;
}

interface Stage {
  readonly servers: string;
  readonly replicas: readonly [System, System];
  /** In front of the second replica: what it hears is late, and breaks off now and then. */
  readonly link: FaultProxy;
  readonly random: () => number;
  /** How often each client has moved so far. */
  readonly moves: Map<symbol, number>;
  /** How often the slowest client had moved when the link was last broken. */
  readonly broken: { moves: number };
}

async function stage(seed: number): Promise<Stage> {
  const servers = await testServers();
  const session = await testSession(servers);
  for (const service of SERVICES) await session.ensurePath(where.providers(service));
  const link = await faultProxy({ target: sharedServers() });
  onTestFinished(() => link.close());
  const late = servers.replace(sharedServers(), link.address);
  // Suspects are what each replica saw vanish for itself: they are no part of what both must agree on.
  const protection = { enabled: false };
  const a = await startSystem(servers, { id: 'a', protection });
  const b = await startSystem(late, { id: 'b', protection });
  const random = seededRandom(seed);
  return { servers, replicas: [a, b], link, random, moves: new Map(), broken: { moves: 0 } };
}

const haveMoved = ({ moves }: Stage): boolean => [...moves.values()].every(count => count > MOVES);

/**
 * Breaks the link, mostly once every client has moved since it was last broken: a quick server takes so many writes in that time that
 * the replica would be cut off before it ever comes to itself. Now and then sooner, in the middle of its reading.
 */
function breakLink({ replicas: [, late], link, moves, random, broken }: Stage): void {
  const fewest = Math.min(...moves.values());
  const isWell = late.aggregator.view.state.kind === 'live' && fewest > broken.moves;
  if (!isWell && random() > 0.05) return;
  broken.moves = fewest;
  link.dropConnections();
}

/**
 * Joins, changes, replaces and takes away providers of its own, one after the other: in so many steps at least, and until every client
 * has moved often enough.
 */
async function write(told: Stage, name: string, steps: number): Promise<void> {
  const { servers, random, link } = told;
  const session = await testSession(servers);
  const alive: { path: string; readonly id: string; readonly service: string }[] = [];
  let made = 0;
  const bytes = (id: string, service: string): Buffer => {
    const weight = Math.floor(random() * 1_000);
    return Buffer.from(JSON.stringify({ v: 1, id, service, address: 'a', port: 1, weight }));
  };
  const join = async (id: string, service: string): Promise<void> => {
    const path = `${where.providers(service)}/p-`;
    const options = { mode: 'ephemeral-sequential' } as const;
    const created = await session.create(path, bytes(id, service), options);
    alive.push({ path: created.path, id, service });
  };
  for (let step = 0; step < steps || (step < MOST_STEPS && !haveMoved(told)); step += 1) {
    const chosen = alive[Math.floor(random() * alive.length)];
    const dice = random();
    if (chosen === undefined || (dice < 0.35 && alive.length < 30)) {
      await join(`${name}-${(made += 1)}`, SERVICES[Math.floor(random() * 3)] ?? '');
    } else if (dice < 0.65) {
      await session.setData(chosen.path, bytes(chosen.id, chosen.service), -1);
    } else {
      alive.splice(alive.indexOf(chosen), 1);
      await session.remove(chosen.path, -1);
      if (dice > 0.9) await join(chosen.id, chosen.service);
    }
    if (random() < 0.01) link.delay(Math.floor(random() * 60));
    if (random() < 0.002) breakLink(told);
  }
}

async function writeAll(told: Stage, steps: number): Promise<void> {
  await Promise.all(
    Array.from({ length: WRITERS }, (_, writer) => write(told, `w${writer}`, steps)),
  );
  told.link.delay(0);
}

/** Writes what is there already: the index moves, and who is held by a poll has a look. */
async function touch(session: Session, books: Books): Promise<void> {
  for (const [first] of Object.values(books)) {
    const path = String(first?.znode);
    await session.setData(path, (await session.getData(path)).data, -1);
  }
}

/** Goes from one replica to the other; `at` is asked what to do on each until it says that it has come to its end. */
async function move(
  { replicas, moves }: Stage,
  at: (replica: System, turn: number) => Promise<boolean>,
): Promise<void> {
  const self = Symbol('a client');
  for (let turn = 0; ; turn += 1) {
    moves.set(self, turn);
    const [a, b] = replicas;
    if (await at(turn % 2 === 0 ? a : b, turn)) return;
  }
}

/** The truth, once nobody writes any more. */
interface End {
  readonly books: Books | undefined;
}

const isSame = (a: unknown, b: unknown): boolean => JSON.stringify(a) === JSON.stringify(b);

interface Streamed {
  readonly connections: number;
  readonly resets: number;
}

/** A stream that is cut and taken up again on the other replica, with nothing but its last id. */
async function followByStream(told: Stage, end: End): Promise<Streamed> {
  const copy = streamCopy();
  const { random } = told;
  let lastEventId = '';
  let connections = 0;
  const copied = (): Books =>
    Object.fromEntries(SERVICES.map(each => [each, copy.providers(each).map(factsOf)]));
  await move(told, async replica => {
    const query = random() < 0.5 ? '' : `?service=${SERVICES.join(',')}`;
    const headers = lastEventId === '' ? {} : { 'last-event-id': lastEventId };
    await using stream = await sseClient(`${replica.url}/v1/watch${query}`, headers);
    expect(stream.response.statusCode).toBe(200);
    connections += 1;
    const enough = 1 + Math.floor(random() * 40);
    let taken = 0;
    const take = (): boolean => {
      for (; taken < stream.messages.length; taken += 1) {
        const message = stream.messages[taken];
        if (message !== undefined) copy.apply(message);
      }
      lastEventId = stream.lastEventId;
      return end.books === undefined ? taken >= enough : isSame(copied(), end.books);
    };
    await expect.poll(take, { ...WAIT, interval: 5 }).toBe(true);
    return end.books !== undefined;
  });
  return { connections, resets: copy.resets };
}

interface Polled {
  readonly answers: number;
  readonly resets: number;
}

/** A long poll of one service, asked again on the other replica each time. */
async function followByPoll(told: Stage, service: string, end: End): Promise<Polled> {
  const { random } = told;
  let index = 0n;
  let etag: string | undefined;
  let copy: readonly Facts[] = [];
  let [answers, resets] = [0, 0];
  await move(told, async replica => {
    if (end.books !== undefined && isSame(copy, end.books[service])) return true;
    const path = `/v1/services/${service}/providers?${EVERY_STATUS}&index=${index}&wait=60s`;
    const known = etag !== undefined && random() < 0.5 ? { 'if-none-match': etag } : undefined;
    const { status, headers, json, text } = await ask(replica.url, path, known);
    expect([200, 304], text).toContain(status);
    const next = BigInt(headers['x-rollcall-index'] ?? '0');
    answers += 1;
    if (headers['x-rollcall-reset'] === 'true') resets += 1;
    else expect(next, 'an older state was shown without a word').toBeGreaterThanOrEqual(index);
    index = next;
    if (status === 200) {
      etag = headers['etag'];
      copy = ProvidersAnswer.parse(json).providers.map(factsOf);
    }
    return false;
  });
  return { answers, resets };
}

/** A conditional GET, which costs a body only when there is something new. */
async function followByGet(told: Stage, service: string, end: End): Promise<void> {
  let etag = '';
  let copy: readonly Facts[] = [];
  await move(told, async replica => {
    const path = `/v1/services/${service}/providers?${EVERY_STATUS}`;
    const answer = await ask(replica.url, path, etag === '' ? {} : { 'if-none-match': etag });
    expect([200, 304], answer.text).toContain(answer.status);
    if (answer.status === 200) {
      etag = answer.headers['etag'] ?? '';
      copy = ProvidersAnswer.parse(answer.json).providers.map(factsOf);
    }
    return end.books !== undefined && isSame(copy, end.books[service]);
  });
}

/** Everything that both answer with an index and an ETag is the same, byte by byte. */
async function areEqualAtRest({ replicas: [a, b] }: Stage): Promise<void> {
  const paths = [
    '/v1/services',
    '/v1/topology',
    '/v1/overview',
    ...SERVICES.flatMap(service => [
      `/v1/services/${service}/providers`,
      `/v1/services/${service}/providers?${EVERY_STATUS}`,
      `/v1/services/${service}/consumers`,
      `/v1/services/${service}`,
    ]),
  ];
  const essence = async (system: System, path: string) => {
    const { headers, text } = await system.get(path);
    // When a replica saw the last change is its own memory; the rest is everybody's.
    const body = text.replaceAll(/"lastChange":("[^"]*"|null)/g, '');
    return { path, index: headers['x-rollcall-index'], body };
  };
  for (const path of paths) {
    const same = async (): Promise<boolean> =>
      isSame(await essence(a, path), await essence(b, path));
    await expect.poll(same, { ...WAIT, message: path }).toBe(true);
  }
  for (const service of SERVICES) {
    const path = `/v1/services/${service}/providers`;
    const { etag = '' } = (await a.get(path)).headers;
    expect((await b.get(path)).headers['etag']).toBe(etag);
    expect((await b.get(path, { 'if-none-match': etag })).status).toBe(304);
  }
}

test('a client that moves between two replicas misses nothing, by stream, long poll or conditional GET', async () => {
  const told = await stage(11);
  const end: { books: Books | undefined } = { books: undefined };
  const following = Promise.all([
    Promise.all([followByStream(told, end), followByStream(told, end)]),
    Promise.all(SERVICES.map(service => followByPoll(told, service, end))),
    Promise.all(SERVICES.map(service => followByGet(told, service, end))),
  ]);
  following.catch(() => undefined);
  await writeAll(told, 700);
  const session = await testSession(told.servers);
  const books = await tree(session);
  for (const service of SERVICES) expect(books[service]?.length).toBeGreaterThan(3);
  end.books = books;
  await touch(session, books);
  const [streams, polls] = await following;
  for (const { connections, resets } of streams) {
    expect(connections).toBeGreaterThan(MOVES);
    expect(resets).toBeLessThan(connections / 4);
  }
  for (const { answers, resets } of polls) {
    expect(answers).toBeGreaterThan(MOVES);
    expect(resets).toBe(0);
  }
  await areEqualAtRest(told);
  for (const { errors } of told.replicas) expect(errors).toEqual([]);
}, 300_000);
