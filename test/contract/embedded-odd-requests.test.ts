import { afterAll, beforeAll, expect } from 'vitest';
import { OP } from '../../src/kernel/wire.ts';
import {
  type EmbeddedServer,
  startEmbedded,
  startZooKeeper,
  type ZooKeeper,
} from '../../src/testing/index.ts';
import { realOnly } from '../support/own-zookeeper.ts';
import { onEmbedded } from '../support/which-server.ts';
import { type WireAnswer, type WireClient, wireClient } from '../support/wire-client.ts';

let embedded: EmbeddedServer;
let zookeeper: ZooKeeper;
beforeAll(async () => {
  if (onEmbedded) return;
  [embedded, zookeeper] = await Promise.all([startEmbedded(), startZooKeeper()]);
});
afterAll(async () => {
  await Promise.all([embedded?.close(), zookeeper?.close()]);
});

const seen = (answer: WireAnswer | undefined): unknown =>
  answer?.kind === 'reply'
    ? { xid: answer.xid, error: answer.error, bytes: answer.body.remainingBytes }
    : answer;

const acl = (client: WireClient, scheme: string, id: string) =>
  client.call(OP.setAcl, writer => {
    writer.string('/odd').vector([0], () => writer.int(31).string(scheme).string(id));
    writer.int(-1);
  });

const auth = (client: WireClient, credentials: Buffer | undefined) =>
  client.call(OP.auth, writer => writer.int(0).string('digest').bytes(credentials), -4);

const setWatches = (client: WireClient, paths: readonly string[] | undefined) =>
  client.call(
    OP.setWatches,
    writer => {
      writer.long(0n);
      for (let list = 0; list < 3; list += 1) writer.vector(paths, path => writer.string(path));
    },
    -8,
  );

const transaction = (client: WireClient, op: number, flags: number, ttlMs?: bigint) =>
  client.call(OP.multi, writer => {
    writer.int(op).bool(false).int(-1).string(`/odd/${op}-${flags}`).bytes(undefined);
    writer.vector([0], () => writer.int(31).string('world').string('anyone')).int(flags);
    if (ttlMs !== undefined) writer.long(ttlMs);
    writer.int(-1).bool(true).int(-1);
  });

/** What clients do not send, or hardly. */
const scripts: Readonly<Record<string, (client: WireClient) => Promise<readonly unknown[]>>> = {
  'the empty path is the root where it is read': async client => [
    seen(await client.call(OP.exists, writer => writer.string('').bool(false))),
    seen(await client.call(OP.getAcl, writer => writer.string(''))),
    seen(await setWatches(client, [''])),
    client.takeEvents().map(({ type, path }) => [type, path]),
  ],
  'a ping is answered as one, whatever its number': async client => [
    seen(await client.call(OP.ping, undefined, 7)),
    seen(await client.call(OP.ping, undefined, -4)),
  ],
  'an unknown operation is answered without a zxid, and the connection ends': async client => {
    const answer = await client.call(9_999);
    await client.ended;
    return [seen(answer), answer?.zxid];
  },
  'credentials that are null are none': async client => {
    const answer = await auth(client, undefined);
    await client.ended;
    return [seen(answer)];
  },
  'credentials that are empty are some': async client => [
    seen(await auth(client, Buffer.alloc(0))),
  ],
  'a list of watches that is null does not parse': async client => [
    seen(await setWatches(client, undefined)),
  ],
  'an address may have leading zeros, and no part above 255': async client => [
    seen(await acl(client, 'ip', '0127.0.0.1/008')),
    seen(await acl(client, 'ip', '1270.0.0.1')),
    seen(await acl(client, 'ip', '127.0.0.1/33')),
  ],
  'in a transaction a node is what its flag says, whichever operation carries it': async client => {
    const answers: unknown[] = [];
    for (const flags of [0, 1, 2, 3, 4, 7])
      answers.push(seen(await transaction(client, OP.createTtl, flags, 1_000n)));
    for (const op of [OP.create, OP.create2, OP.createContainer])
      for (const flags of [0, 4]) answers.push(seen(await transaction(client, op, flags)));
    return answers;
  },
};

for (const [what, script] of Object.entries(scripts)) {
  realOnly('it compares with a real one')(what, async () => {
    const play = async (address: string): Promise<unknown> => {
      await using client = await wireClient(address);
      await client.hello({ readOnly: false });
      await client.call(OP.create, writer => {
        writer.string('/odd').bytes(undefined);
        writer.vector([0], () => writer.int(31).string('world').string('anyone')).int(0);
      });
      return await script(client); // before the client is let go
    };
    const [ours, theirs] = await Promise.all(
      [embedded.connectString, zookeeper.connectString].map(play),
    );
    expect(ours).toEqual(theirs);
  });
}
