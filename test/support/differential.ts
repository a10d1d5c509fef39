import { OP } from '../../src/kernel/wire.ts';
import { type Asked, type Move, OPEN, SESSIONS } from './differential-moves.ts';
import { perform, writeCreate } from './differential-requests.ts';
import { type Scribe, scribeOf } from './differential-scribe.ts';
import { type WireClient, wireClient } from './wire-client.ts';

/** Everything that the clients of one server were told, without what differs from server to server. */
export type Transcript = readonly string[];

interface Player {
  client: WireClient;
  sessionId: bigint;
  password: Buffer;
}

/** Plays the moves one after another; after each, every client says something, so that all events of the move have come. */
export async function play(
  connectString: string,
  root: string,
  all: readonly Move[],
): Promise<Transcript> {
  const lines: string[] = [];
  const players: Player[] = [];
  const owners = new Map<bigint, string>([[0n, '-']]);
  const join = async (who: number, again?: Player): Promise<Player> => {
    const client = await wireClient(connectString);
    const welcome = await client.hello({
      readOnly: false,
      ...(again && { sessionId: again.sessionId, password: again.password }),
    });
    if (welcome === undefined) throw new Error('refused');
    if (again === undefined) owners.set(welcome.sessionId, `s${who}.${owners.size}`);
    return { client, sessionId: welcome.sessionId, password: welcome.password };
  };
  for (let who = 0; who < SESSIONS; who += 1) players.push(await join(who));
  const first = players[0];
  if (first === undefined) throw new Error('nobody');
  const made = await first.client.call(OP.create, writer =>
    writeCreate(writer, { path: root, data: 'root', acl: OPEN, flags: 0 }),
  );
  const base = made?.zxid ?? 0n;
  const scribe = scribeOf(root, base, owners);

  for (const [index, move] of all.entries()) {
    const { who, step: each } = move;
    const player = players[who];
    if (player === undefined) continue;
    if (each.kind === 'renew') {
      await player.client.call(OP.closeSession);
      await player.client[Symbol.asyncDispose]();
      players[who] = await join(who);
    } else if (each.kind === 'reconnect') {
      await player.client[Symbol.asyncDispose]();
      players[who] = await join(who, player);
    } else {
      const asked: Asked = each;
      const reply = await perform(player.client, who, root, base, asked);
      lines.push(`${index} ${who} ${asked.kind}: ${scribe.reply(asked, reply)}`);
    }
    for (const [number, { client }] of players.entries()) {
      const before = client.takeEvents();
      await client.call(OP.ping, undefined, -2);
      const events = [...before, ...client.takeEvents()].map(
        ({ type, path: where }) => `${type} ${scribe.path(where)}`,
      );
      // the order in which a session's nodes go with it is nobody's promise
      if (each.kind === 'renew') events.sort();
      if (events.length > 0) lines.push(`${index} → ${number}: ${events.join(', ')}`);
    }
  }
  lines.push(...(await treeOf(players, root, scribe)));
  for (const { client } of players) {
    await client.call(OP.closeSession);
    await client[Symbol.asyncDispose]();
  }
  return lines;
}

async function treeOf(
  players: readonly Player[],
  root: string,
  scribe: Scribe,
): Promise<readonly string[]> {
  const client = players[0]?.client;
  if (client === undefined) return [];
  const lines: string[] = [];
  const visit = async (where: string): Promise<void> => {
    const stat = await client.call(OP.exists, writer => writer.string(where).bool(false));
    lines.push(
      `${scribe.path(where)} ${scribe.reply({ kind: 'exists', path: where, watch: false }, stat)}`,
    );
    const listed = await client.call(OP.getChildren, writer => writer.string(where).bool(false));
    const names =
      listed?.error === 0 ? (listed.body.vector(() => listed.body.string() ?? '') ?? []) : [];
    for (const name of names.toSorted()) await visit(`${where}/${name}`);
  };
  await visit(root);
  return lines;
}
