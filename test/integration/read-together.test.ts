import { Registry } from 'prom-client';
import { expect, onTestFinished, test } from 'vitest';
import { type Aggregator, openAggregator } from '../../src/aggregator/index.ts';
import { providerJson } from '../../src/http/wire.ts';
import { encodeRecord, layout, makeProvider } from '../../src/registry/index.ts';
import type { Session } from '../../src/zookeeper/index.ts';
import { seededRandom } from '../support/seeded-random.ts';
import { testSession } from '../support/session.ts';
import { testServers } from '../support/zookeeper.ts';

const where = layout();
const directory = where.providers('orders');
const IDS = 500;

/** What lies in a directory of providers: nearly all plain, ids that several claim, and whatever else has been seen there. */
function bytes(random: () => number): Buffer {
  const some = (prefix: string, of = IDS): string => `${prefix}-${Math.floor(random() * of)}`;
  const record = (id: string, more: object = {}): Buffer => {
    const fields = { v: 1, id, service: 'orders', address: '10.0.0.5', port: 80, ...more };
    return encodeRecord(makeProvider(fields));
  };
  const bulk = Object.fromEntries(
    Array.from({ length: 30 }, (_, index) => [`k${index}`, 'x'.repeat(200)]),
  );
  const kinds: readonly (() => Buffer)[] = [
    () => record(some('p')),
    () => record(some('p'), { status: 'draining', tags: ['a'], metadata: { rack: 'r7' } }),
    () => record(some('p'), { zone: 'zürich', metadata: { größe: '大' } }),
    () => record(some('ü', 20)),
    () => record(some('large', 20), { metadata: bulk }),
    () => record(some('p'), { service: 'other' }),
    () => Buffer.from(record(some('p')).toString().replace('{"v":1', '{"v":7,"novel":[1]')),
    () =>
      Buffer.from(
        record(some('twice', 20))
          .toString()
          .replace('"metadata":{}', '"metadata":{"a":"1","a":"2"}'),
      ),
    () => Buffer.from(`{"v":1,"id":"${some('bad', 20)}"`),
    () => Buffer.from([0xff, 0xfe, 0, 1]),
    () => Buffer.alloc(0),
  ];
  const isPlain = random() < 0.7;
  const kind = kinds[isPlain ? 0 : Math.floor(random() * kinds.length)];
  return kind?.() ?? Buffer.alloc(0);
}

async function plant(writers: readonly Session[], random: () => number): Promise<string[]> {
  const [writer] = writers;
  await writer?.ensurePath(directory);
  await writer?.ensurePath(`${where.overrides}/orders`);
  for (let at = 0; at < 30; at += 1) {
    const data = Buffer.from(at % 5 === 0 ? '{' : '{"drain":true}');
    await writer?.create(`${where.overrides}/orders/p-${at * 7}`, data);
  }
  const made = Array.from({ length: 1_300 }, (_, index) => {
    const mode = index % 4 === 0 ? 'persistent-sequential' : 'ephemeral-sequential';
    const name = `${directory}/${index % 9 === 0 ? 'nöde' : 'node'}-`;
    return writers[index % writers.length]?.create(name, bytes(random), { mode });
  });
  return (await Promise.all(made)).flatMap(created => created?.path ?? []);
}

type Strategy = 'persistent-recursive' | 'child-lists';

async function reader(servers: string, strategy: Strategy): Promise<Aggregator> {
  const session = await testSession(servers);
  const made = { session, address: '127.0.0.1:0', version: '1.0.0', auditEveryMs: 0 };
  const aggregator = await openAggregator({ ...made, registry: new Registry(), strategy });
  onTestFinished(() => aggregator.close());
  await aggregator.view.ready();
  return aggregator;
}

function picture({ view, explain }: Aggregator): readonly string[] {
  const { counts, providers } = view.service('orders');
  const ids = [
    ...providers.map(({ id }) => id),
    ...Array.from({ length: 20 }, (_, at) => `bad-${at}`),
  ];
  const lines = providers.map(
    provider =>
      `${provider.status} ${provider.mzxid} ${provider.sessionId} ${providerJson(provider)}`,
  );
  const why = ids.map(id => {
    const { reasons, znodes } = explain('orders', id);
    const each = znodes.map(({ znode, verdict, detail }) => `${znode} ${verdict} ${detail}`);
    return [id, ...reasons, ...each].join('; ');
  });
  return [JSON.stringify(counts), ...lines, ...why];
}

async function rejections({ metrics }: Aggregator): Promise<readonly string[]> {
  const lines = (await metrics.render()).toString().split('\n');
  return lines.filter(line => line.startsWith('rollcall_records_rejected_total'));
}

test.each([1, 2])(
  'of a directory that is read together the view is what it is when each node is read alone, then and later (%d)',
  async seed => {
    const random = seededRandom(seed);
    const servers = await testServers();
    const writers = await Promise.all([0, 1, 2].map(() => testSession(servers)));
    const paths = await plant(writers, random);
    const [together, alone] = [
      await reader(servers, 'persistent-recursive'),
      await reader(servers, 'child-lists'),
    ];
    expect(picture(together).length).toBeGreaterThan(500);
    expect(picture(together)).toEqual(picture(alone));
    expect(await rejections(together)).toContainEqual(expect.stringMatching(/"not-json"\} [1-9]/));
    expect(await rejections(together)).toEqual(await rejections(alone));
    const [writer, , leaver] = writers;
    if (writer === undefined || leaver === undefined) throw new Error('there are no writers');
    for (let at = 0; at < 150; at += 1) {
      const path = paths[Math.floor(random() * paths.length)] ?? '';
      if (at % 3 === 0) await writer.remove(path, -1).catch(() => undefined);
      else await writer.setData(path, bytes(random), -1).catch(() => undefined);
    }
    await leaver.close();
    const { mzxid } = await writer.setData(directory, Buffer.from('the end'), -1);
    for (const { view } of [together, alone])
      await expect.poll(() => view.watermark).toBeGreaterThanOrEqual(mzxid);
    expect(picture(together)).toEqual(picture(alone));
  },
);
