import { RollcallError } from '../../kernel/errors.ts';
import { JuteReader, JuteWriter } from '../../kernel/jute.ts';
import { malformed, readPath } from '../decode.ts';
import { writeAcl, writeNumber } from '../encode.ts';
import { bareNode, emptyTree, type Tree, type Znode } from '../tree.ts';
import { readLife, readStoredAcl, writeLife } from './transaction-codec.ts';

/** All that a server knows at one zxid. */
export interface Picture {
  readonly zxid: number;
  readonly secret: Buffer;
  readonly sessions: ReadonlyMap<bigint, number>;
  /** Parents before children. */
  readonly nodes: readonly (readonly [path: string, node: Znode])[];
}

/** Takes the picture: nodes are copied, their data is shared (nobody writes into it). */
export function pictureOf(
  tree: Tree,
  facts: Pick<Picture, 'zxid' | 'secret' | 'sessions'>,
): Picture {
  const nodes = [...tree.entries()].map(([path, node]) => [path, { ...node }] as const);
  return { ...facts, sessions: new Map(facts.sessions), nodes };
}

const FORMAT = 1;
const NODES_A_PAYLOAD = 1_000;
const PAYLOAD_BYTES = 256 * 1024;

/** The payloads of a snapshot's frames, made one by one: the maker may do other work in between. */
export function* snapshotPayloads(picture: Picture): Generator<Buffer> {
  const head = writeNumber(new JuteWriter(128).int(FORMAT), picture.zxid).bytes(picture.secret);
  head.vector([...picture.sessions], ([id, timeoutMs]) => head.long(id).int(timeoutMs));
  yield head.int(picture.nodes.length).finish();
  let writer = new JuteWriter(PAYLOAD_BYTES);
  for (const [index, [path, node]] of picture.nodes.entries()) {
    writeNode(writer, path, node);
    const full = writer.lengthBytes > PAYLOAD_BYTES || (index + 1) % NODES_A_PAYLOAD === 0;
    if (!full) continue;
    yield writer.finish();
    writer = new JuteWriter(PAYLOAD_BYTES);
  }
  yield writer.finish();
}

/** @throws RollcallError MALFORMED_PACKET when the payloads are not a whole snapshot. */
export function readSnapshot(payloads: readonly Buffer[]): {
  readonly tree: Tree;
  readonly zxid: number;
  readonly secret: Buffer;
  readonly sessions: Map<bigint, number>;
} {
  const [first, ...rest] = payloads;
  if (first === undefined) throw malformed('it is empty');
  const head = new JuteReader(first);
  const format = head.int();
  if (format !== FORMAT)
    throw new RollcallError(
      'MALFORMED_PACKET',
      `it is of format ${format}, and this version reads ${FORMAT}`,
    );
  const zxid = head.safeLong();
  const secret = head.bytes() ?? Buffer.alloc(0);
  const sessions = new Map(head.vector(() => [head.long(), head.int()] as const, 12) ?? []);
  const count = head.int();
  const tree = emptyTree();
  for (const payload of rest) {
    const reader = new JuteReader(payload);
    while (reader.remainingBytes > 0) tree.insert(...readNode(reader));
  }
  if (tree.size !== count) throw malformed(`${tree.size} nodes of ${count}`);
  return { tree, zxid, secret, sessions };
}

function writeNode(writer: JuteWriter, path: string, node: Znode): void {
  writer.string(path).bytes(node.data);
  writeAcl(writer, node.acl);
  writeLife(writer, node.life);
  writeNumber(writer.long(node.owner), node.ttlMs);
  for (const value of [node.czxid, node.ctimeMs, node.mzxid, node.mtimeMs, node.pzxid])
    writeNumber(writer, value);
  writer.int(node.version).int(node.aversion).int(node.creates);
}

function readNode(reader: JuteReader): [path: string, node: Znode] {
  const path = readPath(reader);
  const data = reader.bytes();
  const acl = readStoredAcl(reader);
  const life = readLife(reader);
  const owner = reader.long();
  const [ttlMs, czxid, ctimeMs, mzxid, mtimeMs, pzxid] = [
    reader.safeLong(),
    reader.safeLong(),
    reader.safeLong(),
    reader.safeLong(),
    reader.safeLong(),
    reader.safeLong(),
  ];
  const [version, aversion, creates] = [reader.int(), reader.int(), reader.int()];
  const stamps = { czxid, ctimeMs, mzxid, mtimeMs, pzxid, version, aversion, creates };
  return [path, bareNode({ data, acl, life, owner, ttlMs, ...stamps })];
}
