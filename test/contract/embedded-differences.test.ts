import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, onTestFinished } from 'vitest';
import { OP } from '../../src/kernel/wire.ts';
import {
  type EmbeddedServer,
  fourLetterWord,
  type FourLetterWord,
  startEmbedded,
  startZooKeeper,
  type ZooKeeper,
} from '../../src/testing/index.ts';
import { eventually } from '../support/eventually.ts';
import { realOnly } from '../support/own-zookeeper.ts';
import { onEmbedded } from '../support/which-server.ts';
import { type WireClient, wireClient } from '../support/wire-client.ts';
import { wearOut, wornFolder } from '../support/worn-directory.ts';

/** What the embedded server does otherwise than ZooKeeper 3.8.0, on purpose. Whatever else differs is a fault. */
interface Difference {
  readonly what: string;
  readonly why: string;
  /** Asks one server; the first client has a session of its own. */
  readonly seen: (client: WireClient, address: string) => Promise<unknown>;
  readonly theirs: unknown;
  readonly ours: unknown;
}

const create = (client: WireClient, path: string, data = '', flags = 0) =>
  client.call(OP.create, writer => {
    writer.string(path).bytes(Buffer.from(data));
    writer.vector([0], () => writer.int(31).string('world').string('anyone'));
    writer.int(flags);
  });

const setData = (client: WireClient, path: string) =>
  client.call(OP.setData, writer => writer.string(path).bytes(Buffer.from('x')).int(-1));

const createTtl = (client: WireClient, path: string, flags: number, ttlMs: bigint) =>
  client.call(OP.createTtl, writer => {
    writer.string(path).bytes(Buffer.alloc(0));
    writer.vector([0], () => writer.int(31).string('world').string('anyone'));
    writer.int(flags).long(ttlMs);
  });

const watched = (client: WireClient, path: string) =>
  client.call(OP.exists, writer => writer.string(path).bool(true));

const SASL = 102;

const HELLO = { readOnly: false } as const;

const differences: readonly Difference[] = [
  {
    what: 'watches of two modes of the same client on one path',
    why: 'replacing one loses events that were asked for; ZooKeeper itself keeps both from 3.9 on',
    async seen(client) {
      const addWatch = (path: string, mode: number) =>
        client.call(OP.addWatch, writer => writer.string(path).int(mode));
      const events = (): number => client.takeEvents().length;
      await create(client, '/both');
      await addWatch('/both', 0);
      await watched(client, '/both');
      for (let times = 0; times < 3; times += 1) await setData(client, '/both');
      const besideOneShot = events();
      await create(client, '/modes');
      await addWatch('/modes', 0);
      await addWatch('/modes', 1);
      await create(client, '/modes/child');
      return { besideOneShot, besideRecursive: events() };
    },
    theirs: { besideOneShot: 1, besideRecursive: 1 },
    ours: { besideOneShot: 3, besideRecursive: 2 },
  },
  {
    what: 'a TTL node without a TTL in a transaction',
    why: 'it is a bad argument of one step, as it is outside; no client can send it by its library',
    seen: async client =>
      (
        await client.call(OP.multi, writer => {
          writer.int(OP.create).bool(false).int(-1).string('/no-ttl').bytes(undefined);
          writer.vector([0], () => writer.int(31).string('world').string('anyone')).int(5);
          writer.int(-1).bool(true).int(-1);
        })
      )?.error,
    theirs: -5,
    ours: 0,
  },
  {
    what: 'check outside a transaction',
    why: 'no answer at all leaves the client waiting for ever',
    async seen(client) {
      client.send(OP.check, writer => writer.string('/').int(0));
      client.send(OP.ping, undefined, -2);
      const first = await client.next();
      return first?.kind === 'reply' && first.xid === -2 ? 'nothing' : 'an answer';
    },
    theirs: 'nothing',
    ours: 'an answer',
  },
  {
    what: 'checkWatches, where another client watches the path, and this one does not',
    why: 'it asks for the own watch, and is told of one that is not',
    async seen(client, address) {
      await using other = await wireClient(address);
      await other.hello(HELLO);
      await watched(other, '/others');
      return (await client.call(OP.checkWatches, writer => writer.string('/others').int(2)))?.error;
    },
    theirs: 0,
    ours: -121,
  },
  {
    what: 'a wrong password for a living session',
    why: 'whoever knows a session id, which is no secret, could cut its owner off again and again',
    async seen(_, address) {
      await using owner = await wireClient(address);
      const { sessionId = 0n } = (await owner.hello(HELLO)) ?? {};
      await using thief = await wireClient(address);
      await thief.hello({ sessionId, password: Buffer.alloc(16, 7) });
      await thief.ended;
      return (await owner.call(OP.ping, undefined, -2)) === undefined ? 'cut off' : 'untouched';
    },
    theirs: 'cut off',
    ours: 'untouched',
  },
  {
    what: 'SASL',
    why: 'it is not there; a yes that means nothing would be taken for a log-in',
    seen: async client =>
      (await client.call(SASL, writer => writer.bytes(Buffer.from('token'))))?.error,
    theirs: 0,
    ours: -6,
  },
  {
    what: 'TTL nodes, where nobody has switched them on',
    why: 'the switch guards rolling upgrades from 3.5.3, which there cannot be here',
    seen: async client => (await createTtl(client, '/ttl', 5, 60_000n))?.error,
    theirs: -6,
    ours: 0,
  },
  {
    what: 'characters beyond U+FFFF in answers',
    why: "clients read UTF-8, also those of Java; no node can be named so, and so only a user's name shows it",
    async seen(client) {
      const user = Buffer.from('\u{1f600}:p');
      await client.call(OP.auth, writer => writer.int(0).string('digest').bytes(user), -4);
      const told = (await client.call(OP.whoAmI))?.body.rest().toString('hex') ?? '';
      return ['f09f9880', 'eda0bdedb880'].find(each => told.includes(each));
    },
    theirs: 'eda0bdedb880',
    ours: 'f09f9880',
  },
  {
    what: 'quotas',
    why: 'they bind nobody in ZooKeeper 3.8 as it comes: what exceeds them is logged, and done',
    async seen(client) {
      await create(client, '/zookeeper/quota/full');
      await create(client, '/zookeeper/quota/full/zookeeper_limits', 'count=5,bytes=-1');
      await create(client, '/zookeeper/quota/full/zookeeper_stats', 'count=1,bytes=0');
      await create(client, '/full');
      await create(client, '/full/one');
      const stats = '/zookeeper/quota/full/zookeeper_stats';
      const read = await client.call(OP.getData, writer => writer.string(stats).bool(false));
      return read?.body.bytes()?.toString() === 'count=1,bytes=0' ? 'as written' : 'counted';
    },
    theirs: 'counted',
    ours: 'as written',
  },
];

let embedded: EmbeddedServer;
let zookeeper: ZooKeeper;
beforeAll(async () => {
  if (onEmbedded) return;
  [embedded, zookeeper] = await Promise.all([
    startEmbedded(),
    startZooKeeper({ properties: { 'zookeeper.extendedTypesEnabled': 'false' } }),
  ]);
});
afterAll(async () => {
  await Promise.all([embedded?.close(), zookeeper?.close()]);
});

const onBoth = realOnly('it compares with a real one');

for (const { what, why, seen, theirs, ours } of differences) {
  onBoth(`otherwise on purpose: ${what}, because ${why}`, async () => {
    const seenBy = async (address: string): Promise<unknown> => {
      await using client = await wireClient(address);
      await client.hello(HELLO);
      return await seen(client, address); // before the client is let go
    };
    expect(await seenBy(zookeeper.connectString), 'ZooKeeper').toEqual(theirs);
    expect(await seenBy(embedded.connectString), 'the embedded server').toEqual(ours);
  });
}

/** The names of the fields of an answer, in order. */
const labels = (text: string): readonly string[] =>
  text.split('\n').flatMap(line => /^(\w[\w /]*)[:\t]/.exec(line)?.[1] ?? []);
const fields = (line: string): readonly string[] => line.match(/\w+(?==)/g) ?? [];

/** Not measured: latencies, which are 0 where they must be said, and what belongs to the last request of a connection. */
const UNMEASURED = 'lop est lcxid lzxid lresp llat minlat avglat maxlat'.split(' ');
/** Of some 480 that ZooKeeper has, most about its own inside, those are given that mean the same here; and these two beside them. */
const OWN_METRICS = ['zk_last_zxid', 'zk_rss_bytes'];

onBoth(
  'four-letter words have the fields that a real server gives them, but for latencies and the last request, which nobody measures here',
  async () => {
    const [theirs, ours] = await Promise.all(
      [zookeeper.connectString, embedded.connectString].map(async address => {
        await using client = await wireClient(address);
        await client.hello(HELLO);
        await watched(client, '/');
        const port = Number(address.split(':')[1]);
        const ask = (word: FourLetterWord): Promise<string> => fourLetterWord(port, word);
        const [cons, stat] = [await ask('cons'), await ask('stat')];
        return {
          ruok: await ask('ruok'),
          srvr: labels(await ask('srvr')),
          stat: labels(stat),
          client: fields(stat.split('\n').find(line => line.startsWith(' /')) ?? ''),
          session: fields(cons.split('\n').find(line => line.includes('sid=')) ?? ''),
          metrics: labels(await ask('mntr')),
        };
      }),
    );
    if (theirs === undefined || ours === undefined) throw new Error('two were asked');
    const { metrics, ...words } = ours;
    const { metrics: known, session, ...same } = theirs;
    expect(words).toEqual({
      ...same,
      session: session.filter(field => !UNMEASURED.includes(field)),
    });
    expect(metrics.length).toBeGreaterThan(10);
    expect(metrics.filter(name => !known.includes(name))).toEqual(OWN_METRICS);
  },
);

onBoth(
  'otherwise on purpose: more than 2147483647 creates in one directory, because ZooKeeper says that the number runs over, and 3.8.0 has no other any more',
  async () => {
    const dataDir = await mkdtemp(join(tmpdir(), 'rollcall-worn-'));
    onTestFinished(() => rm(dataDir, { recursive: true }));
    const last = 2 ** 31 - 1;
    await wornFolder(dataDir, '/worn', last);
    await using ours = await startEmbedded({ dataDir });
    await using theirs = await startZooKeeper({
      properties: { 'zookeeper.digest.enabled': 'false' },
    });
    await using early = await wireClient(theirs.connectString);
    await early.hello(HELLO);
    for (const path of ['/worn', '/worn/first']) await create(early, path);
    const [server] = theirs.servers;
    if (server !== undefined) await wearOut(server, '/worn/first', last);
    const seen = await Promise.all(
      [theirs, ours].map(async ({ connectString }) => {
        await using client = await wireClient(connectString);
        await client.hello(HELLO);
        const answers: unknown[] = [];
        for (let times = 0; times < 3; times += 1) {
          const answer = await create(client, '/worn/s-', '', 2);
          answers.push(answer?.error === 0 ? answer.body.string() : answer?.error);
        }
        return answers;
      }),
    );
    expect(seen).toEqual([
      ['/worn/s-2147483647', -110, -110],
      ['/worn/s-2147483647', '/worn/s--2147483648', '/worn/s--2147483647'],
    ]);
  },
);

onBoth(
  'otherwise on purpose: a TTL below 0 with a mode that has none, because a request must not end the process',
  async () => {
    await using victim = await startZooKeeper();
    for (const address of [victim.connectString, embedded.connectString]) {
      await using client = await wireClient(address);
      await client.hello(HELLO);
      client.send(OP.createTtl, writer => {
        writer.string('/no-ttl').bytes(Buffer.alloc(0));
        writer.vector([0], () => writer.int(31).string('world').string('anyone'));
        writer.int(0).long(-1n);
      });
      if (address === embedded.connectString)
        expect(await client.next()).toMatchObject({ kind: 'reply', error: -8 });
    }
    await eventually(() => expect(victim.servers[0]?.running).toBe(false));
  },
);
