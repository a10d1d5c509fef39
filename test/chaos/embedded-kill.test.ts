import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { OP } from '../../src/kernel/wire.ts';
import { startEmbeddedProcess } from '../support/embedded-process.ts';
import { type WireClient, wireClient, type WireWelcome } from '../support/wire-client.ts';

const ROUNDS = 6;
const CLIENTS = 3;
const IN_FLIGHT = 32;

interface Acknowledged {
  readonly paths: Set<string>;
  zxid: bigint;
}

/** Creates ephemeral nodes, many at a time, until the connection breaks; whatever was answered is written down. */
async function hammer(client: WireClient, prefix: string, told: Acknowledged): Promise<void> {
  let next = 0;
  const send = (): void => {
    next += 1;
    client.send(OP.create, writer => {
      writer.string(`${prefix}${next}`).bytes(Buffer.from('x'));
      writer.vector([0], () => writer.int(31).string('world').string('anyone')).int(1);
    });
  };
  for (let count = 0; count < IN_FLIGHT; count += 1) send();
  for (let answer = await client.next(); answer !== undefined; answer = await client.next()) {
    if (answer.kind !== 'reply') continue;
    expect(answer.error).toBe(0);
    told.paths.add(answer.body.string() ?? '');
    if (answer.zxid > told.zxid) told.zxid = answer.zxid;
    send();
  }
}

test('kill -9 at any moment loses nothing that was acknowledged, and no session', async () => {
  const dataDir = await mkdtemp(join(tmpdir(), 'rollcall-kill-'));
  let server = await startEmbeddedProcess({ dataDir });
  const { port } = server;
  const told: Acknowledged = { paths: new Set(), zxid: 0n };
  let sessions: (WireWelcome | undefined)[] = Array.from({ length: CLIENTS }, () => undefined);
  try {
    for (let round = 0; round < ROUNDS; round += 1) {
      const clients = await Promise.all(sessions.map(() => wireClient(server.connectString)));
      const welcomes = await Promise.all(
        clients.map((client, index) =>
          client.hello({
            timeoutMs: 60_000,
            ...(sessions[index] && {
              sessionId: sessions[index].sessionId,
              password: sessions[index].password,
              lastZxid: told.zxid,
            }),
          }),
        ),
      );
      for (const [index, welcome] of welcomes.entries()) {
        expect(welcome?.timeoutMs).toBe(60_000);
        if (sessions[index] !== undefined)
          expect(welcome?.sessionId).toBe(sessions[index].sessionId);
      }
      sessions = welcomes;
      const listed = await clients[0]?.call(OP.getChildren, writer =>
        writer.string('/').bool(false),
      );
      const there = new Set(listed?.body.vector(() => `/${listed.body.string()}`) ?? []);
      expect([...told.paths].filter(path => !there.has(path))).toEqual([]);
      const hammering = clients.map((client, index) =>
        hammer(client, `/n${round}-${index}-`, told),
      );
      const wanted = told.paths.size + 300 + round * 137;
      while (told.paths.size < wanted) await new Promise(resolve => void setImmediate(resolve));
      await server.kill();
      await Promise.all(hammering);
      server = await startEmbeddedProcess({ dataDir, listen: { port } });
    }
    expect(told.paths.size).toBeGreaterThan(ROUNDS * 300);
  } finally {
    await server.kill();
    await rm(dataDir, { recursive: true, force: true, maxRetries: 5 });
  }
});
