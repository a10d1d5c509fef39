import fc from 'fast-check';
import type { JuteReader, JuteWriter } from '../../src/kernel/jute.ts';
import { OP } from '../../src/kernel/wire.ts';
import { type WireClient, wireClient } from './wire-client.ts';

export interface TestAcl {
  readonly permissions: number;
  readonly scheme: string;
  readonly id: string;
}

/** One write as it may stand alone or in a transaction. */
export type Write =
  | {
      readonly kind: 'create';
      readonly op: number;
      readonly path: string;
      readonly data: string | null;
      readonly acl: readonly TestAcl[];
      readonly flags: number;
      readonly ttlMs: number;
    }
  | { readonly kind: 'delete'; readonly path: string; readonly version: number }
  | {
      readonly kind: 'setData';
      readonly path: string;
      readonly data: string | null;
      readonly version: number;
    }
  | { readonly kind: 'check'; readonly path: string; readonly version: number };

export type Read = {
  readonly kind: 'exists' | 'getData' | 'getChildren' | 'getChildren2';
  readonly path: string;
  readonly watch: boolean;
};

export type Step =
  | Write
  | Read
  | {
      readonly kind: 'setAcl';
      readonly path: string;
      readonly acl: readonly TestAcl[];
      readonly version: number;
    }
  | { readonly kind: 'getAcl' | 'getAllChildrenNumber' | 'getEphemerals'; readonly path: string }
  | { readonly kind: 'sync' | 'addWatch'; readonly path: string }
  | { readonly kind: 'multi'; readonly writes: readonly Write[] }
  | { readonly kind: 'multiRead'; readonly reads: readonly Read[] }
  | {
      readonly kind: 'removeWatches';
      readonly path: string;
      readonly type: number;
    }
  | {
      readonly kind: 'setWatches';
      readonly since: number;
      readonly data: readonly string[];
      readonly exist: readonly string[];
      readonly child: readonly string[];
    }
  | { readonly kind: 'auth'; readonly user: string }
  | { readonly kind: 'whoAmI' }
  | { readonly kind: 'reconnect' }
  | { readonly kind: 'renew' };

export interface Move {
  readonly who: number;
  readonly step: Step;
}

/** Those below use one-shot watches, then one a persistent, then one a recursive: ZooKeeper 3.8.0 lets one mode replace another. */
const ONE_SHOT_SESSIONS = 2;
export const SESSIONS = ONE_SHOT_SESSIONS + 2;

const OPEN: readonly TestAcl[] = [{ permissions: 31, scheme: 'world', id: 'anyone' }];
const ACLS: readonly (readonly TestAcl[])[] = [
  [{ permissions: 1, scheme: 'world', id: 'anyone' }],
  [{ permissions: 30, scheme: 'world', id: 'anyone' }],
  [{ permissions: 31, scheme: 'auth', id: '' }],
  [
    { permissions: 31, scheme: 'digest', id: 'u:w0bB8cTnn6yvtoNWkO4Wj2T0Q9c=' },
    { permissions: 1, scheme: 'world', id: 'anyone' },
    { permissions: 1, scheme: 'world', id: 'anyone' },
  ],
  [{ permissions: 31, scheme: 'ip', id: '127.0.0.0/8' }],
  [{ permissions: 31, scheme: 'ip', id: '10.0.0.1' }],
  [{ permissions: 31, scheme: 'ip', id: '127.0.0.1/33' }],
  [{ permissions: 31, scheme: 'nobody', id: 'knows' }],
  [{ permissions: 31, scheme: 'digest', id: 'without a colon' }],
  [{ permissions: 31, scheme: 'world', id: 'someone' }],
  [],
];

const goodPath = fc.constantFrom('', '/a', '/b', '/a/x', '/a/y', '/a/x/z', '/b/x', '/a/x-', '/b/');
const badPath = fc.constantFrom(
  '/a//x',
  '/a/./x',
  '/a/..',
  '/.',
  '/a/\u0001',
  '/\ue000',
  '/a/b\u0000',
  '/é.txt',
);
const path = fc.oneof({ weight: 12, arbitrary: goodPath }, { weight: 1, arbitrary: badPath });
const version = fc.constantFrom(-1, -1, -1, 0, 1, 2);
const data = fc.constantFrom('', 'x', 'data', null);
const acl = fc.oneof(
  { weight: 12, arbitrary: fc.constant(OPEN) },
  { weight: 2, arbitrary: fc.constantFrom(...ACLS) },
);

const create: fc.Arbitrary<Write> = fc
  .record({
    path,
    data,
    acl,
    mode: fc.constantFrom(
      [OP.create, 0],
      [OP.create, 0],
      [OP.create2, 0],
      [OP.create2, 1],
      [OP.create, 1],
      [OP.create2, 2],
      [OP.create2, 3],
      [OP.createContainer, 4],
      [OP.create2, 4],
      [OP.createTtl, 5],
      [OP.createTtl, 6],
      [OP.create2, 5],
      [OP.createTtl, 0],
      [OP.create, 9],
    ),
    ttlMs: fc.constantFrom(1_000_000, 0, -1, 2 ** 41),
  })
  // ZooKeeper 3.8.0 ends its process over a TTL that is none, with a mode that has none
  .filter(({ mode, ttlMs }) => mode[0] !== OP.createTtl || mode[1] !== 0 || ttlMs >= 0)
  .map(({ mode, ...rest }) => ({
    kind: 'create',
    ...rest,
    op: mode[0] ?? OP.create,
    flags: mode[1] ?? 0,
  }));
const remove: fc.Arbitrary<Write> = fc.record({
  kind: fc.constant('delete' as const),
  path,
  version,
});
const setData: fc.Arbitrary<Write> = fc.record({
  kind: fc.constant('setData' as const),
  path,
  data,
  version,
});
const check: fc.Arbitrary<Write> = fc.record({
  kind: fc.constant('check' as const),
  path,
  version,
});
const read: fc.Arbitrary<Read> = fc.record({
  kind: fc.constantFrom('exists', 'getData', 'getChildren', 'getChildren2'),
  path,
  watch: fc.boolean(),
});
const someWatches = fc.array(goodPath, { maxLength: 3 });

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 10, arbitrary: create },
  { weight: 5, arbitrary: remove },
  { weight: 5, arbitrary: setData },
  { weight: 8, arbitrary: read },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant('multi' as const),
      // a mode that is unknown ends the reading of a transaction in ZooKeeper, and is a step's own error here
      writes: fc.array(
        fc.oneof(
          create.filter(each => each.kind !== 'create' || isPlain(each.op, each.flags, each.ttlMs)),
          remove,
          setData,
          check,
        ),
        { maxLength: 5 },
      ),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('multiRead' as const),
      reads: fc.array(
        read.filter(({ kind }) => kind === 'getData' || kind === 'getChildren'),
        { maxLength: 4 },
      ),
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('setAcl' as const), path, acl, version }) },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constantFrom(
        'getAcl' as const,
        'getAllChildrenNumber' as const,
        'getEphemerals' as const,
      ),
      path,
    }),
  },
  {
    weight: 5,
    arbitrary: fc.record({ kind: fc.constantFrom('addWatch' as const, 'sync' as const), path }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      // not checkWatches: ZooKeeper 3.8.0 says yes to whatever anybody watches
      kind: fc.constant('removeWatches' as const),
      path,
      type: fc.constantFrom(1, 2, 3, 3, 9),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('setWatches' as const),
      since: fc.nat(30),
      data: someWatches,
      exist: someWatches,
      child: someWatches,
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('auth' as const),
      user: fc.constantFrom('u:p', 'v:q', 'w'),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('whoAmI' as const) }) },
  {
    weight: 1,
    arbitrary: fc.constantFrom({ kind: 'reconnect' as const }, { kind: 'renew' as const }),
  },
);

function isPlain(op: number, flags: number, ttlMs: number): boolean {
  if (flags > 6) return false;
  return op === OP.createTtl ? flags >= 5 && ttlMs > 0 && ttlMs < 2 ** 40 : flags < 5;
}

export const moves: fc.Arbitrary<readonly Move[]> = fc.array(
  fc.record({ who: fc.nat(SESSIONS - 1), step }),
  { minLength: 1, maxLength: 40 },
);

/** What is one request. */
type Asked = Exclude<Step, { readonly kind: 'renew' } | { readonly kind: 'reconnect' }>;

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

function perform(
  client: WireClient,
  who: number,
  root: string,
  base: bigint,
  each: Asked,
): ReturnType<WireClient['call']> {
  switch (each.kind) {
    case 'create':
    case 'delete':
    case 'setData':
    case 'check':
      // ZooKeeper 3.8.0 never answers a check that stands alone
      return each.kind === 'check'
        ? client.call(OP.ping, undefined, -2)
        : client.call(opOf(each), writer => writeWrite(writer, root, each));
    case 'exists':
    case 'getData':
    case 'getChildren':
    case 'getChildren2':
      return client.call(OP[each.kind], writer =>
        writer.string(root + each.path).bool(each.watch && who < ONE_SHOT_SESSIONS),
      );
    case 'getAcl':
    case 'getAllChildrenNumber':
    case 'getEphemerals':
    case 'sync':
      return client.call(OP[each.kind], writer => writer.string(root + each.path));
    case 'setAcl':
      return client.call(OP.setAcl, writer => {
        writer.string(root + each.path);
        writeAcl(writer, each.acl);
        writer.int(each.version);
      });
    case 'addWatch':
      if (who < ONE_SHOT_SESSIONS) return client.call(OP.ping, undefined, -2);
      return client.call(OP.addWatch, writer =>
        writer.string(root + each.path).int(who - ONE_SHOT_SESSIONS),
      );
    case 'removeWatches':
      return client.call(OP[each.kind], writer => writer.string(root + each.path).int(each.type));
    case 'setWatches':
      if (who >= ONE_SHOT_SESSIONS) return client.call(OP.ping, undefined, -2);
      return client.call(
        OP.setWatches,
        writer => {
          writer.long(base + BigInt(each.since));
          for (const paths of [each.data, each.exist, each.child])
            writer.vector(paths, one => writer.string(root + one));
        },
        -8,
      );
    case 'multi':
      return client.call(OP.multi, writer => {
        for (const write of each.writes) {
          writer.int(opOf(write)).bool(false).int(-1);
          writeWrite(writer, root, write);
        }
        writer.int(-1).bool(true).int(-1);
      });
    case 'multiRead':
      return client.call(OP.multiRead, writer => {
        for (const one of each.reads) {
          writer.int(OP[one.kind]).bool(false).int(-1);
          writer.string(root + one.path).bool(one.watch);
        }
        writer.int(-1).bool(true).int(-1);
      });
    case 'auth':
      return client.call(
        OP.auth,
        writer => writer.int(0).string('digest').bytes(Buffer.from(each.user)),
        -4,
      );
    case 'whoAmI':
      return client.call(OP.whoAmI);
    default:
      return each satisfies never;
  }
}

const opOf = (write: Write): number => (write.kind === 'create' ? write.op : OP[write.kind]);

function writeWrite(writer: JuteWriter, root: string, write: Write): void {
  const where = root + write.path;
  if (write.kind === 'create') {
    writeCreate(writer, { ...write, path: where });
    if (write.op === OP.createTtl) writer.long(BigInt(write.ttlMs));
    return;
  }
  writer.string(where);
  if (write.kind === 'setData') writer.bytes(bytesOf(write.data));
  writer.int(write.version);
}

function writeCreate(
  writer: JuteWriter,
  create_: { path: string; data: string | null; acl: readonly TestAcl[]; flags: number },
): void {
  writer.string(create_.path).bytes(bytesOf(create_.data));
  writeAcl(writer, create_.acl);
  writer.int(create_.flags);
}

const bytesOf = (text: string | null): Buffer | undefined =>
  text === null ? undefined : Buffer.from(text);

function writeAcl(writer: JuteWriter, acls: readonly TestAcl[]): void {
  writer.vector(acls, each => writer.int(each.permissions).string(each.scheme).string(each.id));
}

interface Scribe {
  path(path: string | undefined): string;
  reply(step: Step, reply: Awaited<ReturnType<WireClient['call']>>): string;
}

/** Writes answers down: zxids as distances from the first, owners by name, times as whether they are there, lists sorted. */
function scribeOf(root: string, base: bigint, owners: ReadonlyMap<bigint, string>): Scribe {
  const path_ = (text: string | undefined): string =>
    text === undefined ? 'null' : text.replace(root, '');
  const zxid = (value: bigint): string => (value >= base ? `+${value - base}` : `${value}`);
  const bytes = (value: Buffer | undefined): string =>
    value === undefined ? 'null' : `'${value.toString()}'`;
  const stat = (from: JuteReader): string => {
    const [czxid, mzxid] = [zxid(from.long()), zxid(from.long())];
    const [ctime, mtime] = [from.long() > 0n, from.long() > 0n];
    const [version_, cversion, aversion] = [from.int(), from.int(), from.int()];
    const owner = from.long();
    const [length, children] = [from.int(), from.int()];
    const pzxid = zxid(from.long());
    return `{c${czxid} m${mzxid} p${pzxid} ${ctime}${mtime} v${version_} cv${cversion} av${aversion} o${owners.get(owner) ?? owner} d${length} n${children}}`;
  };
  const names = (from: JuteReader): string =>
    (from.vector(() => path_(from.string())) ?? []).toSorted().join(' ');
  const acls = (from: JuteReader): string =>
    (from.vector(() => `${from.int()} ${from.string()} ${from.string()}`) ?? []).join('; ');
  const bodies: Readonly<Record<number, (from: JuteReader) => string>> = {
    [OP.create]: from => path_(from.string()),
    [OP.create2]: from => `${path_(from.string())} ${stat(from)}`,
    [OP.createContainer]: from => `${path_(from.string())} ${stat(from)}`,
    [OP.createTtl]: from => `${path_(from.string())} ${stat(from)}`,
    [OP.delete]: () => 'gone',
    [OP.check]: () => 'checked',
    [OP.setData]: stat,
    [OP.setAcl]: stat,
    [OP.exists]: stat,
    [OP.getData]: from => `${bytes(from.bytes())} ${stat(from)}`,
    [OP.getChildren]: names,
    [OP.getChildren2]: from => `${names(from)} ${stat(from)}`,
    [OP.getAcl]: from => `${acls(from)} ${stat(from)}`,
    [OP.error]: from => `error ${from.int()}`,
  };
  const parts = (from: JuteReader): string => {
    const found: string[] = [];
    for (;;) {
      const [op, done, error] = [from.int(), from.bool(), from.int()];
      if (done) return `${found.join(' | ')} end ${op} ${error}`;
      found.push(`${op} ${error} ${bodies[op]?.(from) ?? '?'}`);
    }
  };
  const body = (each: Step, from: JuteReader): string => {
    switch (each.kind) {
      case 'create':
      case 'delete':
      case 'setData':
        return bodies[opOf(each)]?.(from) ?? '';
      case 'exists':
      case 'getData':
      case 'getChildren':
      case 'getChildren2':
      case 'getAcl':
      case 'setAcl':
        return bodies[OP[each.kind]]?.(from) ?? '';
      case 'sync':
        return path_(from.string());
      case 'getEphemerals':
        return names(from);
      case 'getAllChildrenNumber':
        return `${from.int()}`;
      case 'multi':
      case 'multiRead':
        return parts(from);
      case 'whoAmI':
        return (from.vector(() => `${from.string()} ${from.string()}`) ?? []).toSorted().join('; ');
      default:
        return `${from.rest().length} bytes`;
    }
  };
  return {
    path: path_,
    reply(each, reply) {
      if (reply === undefined) return 'the connection ended';
      const { error, body: from } = reply;
      const told = error === 0 && from.remainingBytes > 0 ? body(each, from) : '';
      return `${error} at ${zxid(reply.zxid)} ${told} rest ${from.remainingBytes}`;
    },
  };
}
