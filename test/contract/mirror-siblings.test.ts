import { describe, expect, test } from 'vitest';
import type { ReadResult, Session } from '../../src/zookeeper/api.ts';
import type { MirrorBatch } from '../../src/zookeeper/mirror-api.ts';
import { nodeChanges } from '../../src/zookeeper/mirror-changes.ts';
import { eventually } from '../support/eventually.ts';
import { caughtUp, mirrorRig, plant, strategies } from '../support/mirror-rig.ts';
import { withOperations } from '../support/session-double.ts';

const NOBODY = [{ permissions: 30, scheme: 'world', id: 'anyone' }];

const nodesIn = ({ changes }: MirrorBatch): number => [...nodeChanges(changes)].length;

/** Makes `/m/<directory>/<name>` for each, some hundred in one transaction. */
async function fill(
  writer: Session,
  directory: string,
  nodes: readonly (readonly [name: string, data: Buffer])[],
): Promise<void> {
  await writer.ensurePath(`/m/${directory}`);
  for (let at = 0; at < nodes.length; at += 100) {
    const transaction = writer.transaction();
    for (const [name, data] of nodes.slice(at, at + 100))
      transaction.create(`/m/${directory}/${name}`, data);
    await transaction.commit();
  }
}

const numbered = (count: number, data: Buffer): readonly (readonly [string, Buffer])[] =>
  Array.from({ length: count }, (_, index) => [`n${index}`, data] as const);

function bytesIn(result: ReadResult): number {
  if (result.kind === 'data') return result.data.length;
  if (result.kind !== 'siblings') return 0;
  return result.others.reduce((sum, other) => sum + bytesIn(other), result.dataBytes);
}

describe.each(strategies)('%s', strategy => {
  test('whatever lies in one directory is read as it is: large, empty, beyond ASCII, forbidden, with children', async () => {
    await using rig = await mirrorRig();
    await fill(rig.writer, 'd', [
      ...numbered(600, Buffer.from('{"plain":"record"}')),
      ['größe', Buffer.from('größe, 大小')],
      ['大小', Buffer.from([0, 0xff, 0xfe, 0x80])],
      ['empty', Buffer.alloc(0)],
      ['just-small', Buffer.alloc(4096, 'x')],
      ['just-large', Buffer.alloc(4097, 'ü')],
    ]);
    await rig.writer.create('/m/d/huge', Buffer.alloc(900_000, 'y'));
    await rig.writer.ensurePath('/m/d/n7/below/deeper');
    await rig.writer.ensurePath('/m/d/größe/unten');
    const { mirror, record } = rig.open({ strategy });
    await mirror.ready();
    await rig.agrees(mirror, record);
  });

  test('one node that may not be read is no reason to miss, or to doubt, its siblings', async () => {
    await using rig = await mirrorRig();
    await plant(rig.writer, ['d'], 300);
    await rig.writer.setAcl('/m/d/n150', NOBODY, -1);
    const { mirror } = rig.open({ strategy });
    await mirror.ready();
    expect([...mirror.untrusted.keys()]).toEqual(['/m/d/n150']);
    expect(mirror.get('/m/d/n150')).toBeUndefined();
    expect(mirror.size).toBe(2 + 299);
  });

  test('a re-read that finds thousands of new nodes tells of a few hundred at a time', async () => {
    await using rig = await mirrorRig();
    await plant(rig.writer, ['old'], 3);
    const { mirror, record } = rig.open({ strategy });
    await mirror.ready();
    await rig.proxy.cut();
    await eventually(() => expect(mirror.state.kind).toBe('stale'));
    for (const name of ['a', 'b', 'c'])
      await fill(rig.writer, name, numbered(1_100, Buffer.from('x')));
    await rig.proxy.heal();
    await rig.agrees(mirror, record);
    const resync = record.batches.filter(({ reason }) => reason === 'resync').map(nodesIn);
    expect(Math.max(...resync)).toBeLessThanOrEqual(750);
  });

  test('nodes that go, change and come while their siblings are being read are there once, as they are in the end', async () => {
    await using rig = await mirrorRig();
    await fill(rig.writer, 'd', numbered(1_500, Buffer.from('before')));
    let rounds = 0;
    let watched = 0;
    let isFirstReading = true;
    const disturbed = async <T>(read: Promise<T>): Promise<T> => {
      const found = await read;
      if (!isFirstReading) return found; // or what is read later would never come to an end
      rounds += 1;
      await disturb(rig.writer, rounds);
      return found;
    };
    const { mirror, record } = rig.open({ strategy, batchBytes: 30_000 }, reader =>
      withOperations(reader, {
        multiRead: (requests, options) => disturbed(reader.multiRead(requests, options)),
        watchData(path, onEvent, options) {
          watched += 1;
          const read = reader.watchData(path, onEvent, options);
          return watched % 50 === 0 ? disturbed(read) : read;
        },
      }),
    );
    await mirror.ready();
    isFirstReading = false;
    expect(rounds).toBeGreaterThan(5);
    await rig.agrees(mirror, record);
    expect(await mirror.audit()).toBe(0);
  });
});

/** Before, behind and in the middle of what is being read. */
async function disturb(writer: Session, round: number): Promise<void> {
  const gone = (round * 37) % 1_500;
  const ignored = (): void => undefined;
  await Promise.all([
    writer.remove(`/m/d/n${gone}`, -1).catch(ignored),
    writer.setData(`/m/d/n${1_499 - gone}`, Buffer.from(`round ${round}`), -1).catch(ignored),
    writer.remove(`/m/d/n${(gone + 700) % 1_500}`, -1).catch(ignored),
    writer.create(`/m/d/n${(gone + 700) % 1_500}`, Buffer.from('again')).catch(ignored),
    writer.create(`/m/d/more${round}`).catch(ignored),
  ]);
}

test('how large siblings are is learned, so that their answers come to the size that is aimed at', async () => {
  await using rig = await mirrorRig();
  await fill(rig.writer, 'd', numbered(1_500, Buffer.alloc(6_000, 'x')));
  const answers: number[] = [];
  const batchBytes = 100_000;
  const { mirror } = rig.open({ batchBytes, keepData: false }, reader =>
    withOperations(reader, {
      async multiRead(requests, options) {
        const found = await reader.multiRead(requests, options);
        answers.push(found.reduce((sum, result) => sum + bytesIn(result), 0));
        return found;
      },
    }),
  );
  await mirror.ready();
  await caughtUp(mirror, rig.reader, rig.writer);
  // What was on its way when the first answer came was asked for before anything was known.
  expect(Math.max(...answers.slice(-20))).toBeLessThan(1.5 * batchBytes);
});
