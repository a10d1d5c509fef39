import { JuteReader, JuteWriter } from '../../src/kernel/jute.ts';
import type { ReadResult, Stat } from '../../src/zookeeper/api.ts';
import { childOf } from '../../src/zookeeper/mirror-paths.ts';
import { AnswerReader } from '../../src/zookeeper/node-answer.ts';
import { OP } from '../../src/zookeeper/protocol.ts';

export const NO_NODE = -101;

/** One item of a multiRead, as the server writes its answer. */
export type AnswerItem =
  | { readonly kind: 'data'; readonly data: Buffer | undefined; readonly stat: Stat }
  | { readonly kind: 'children'; readonly children: readonly string[] }
  | { readonly kind: 'error' };

export function writeStat(writer: JuteWriter, stat: Stat): void {
  writer.long(stat.czxid).long(stat.mzxid);
  writer.long(BigInt(stat.ctimeMs)).long(BigInt(stat.mtimeMs));
  writer.int(stat.version).int(stat.cversion).int(stat.aversion).long(stat.ephemeralOwner);
  writer.int(stat.dataLengthBytes).int(stat.numChildren).long(stat.pzxid);
}

export function writeItem(writer: JuteWriter, item: AnswerItem): void {
  const op = { data: OP.getData, children: OP.getChildren, error: OP.error }[item.kind];
  writer
    .int(op)
    .bool(false)
    .int(item.kind === 'error' ? NO_NODE : 0);
  if (item.kind === 'error') return void writer.int(NO_NODE);
  if (item.kind === 'children')
    return void writer.vector(item.children, name => writer.string(name));
  writer.bytes(item.data);
  writeStat(writer, item.stat);
}

type SiblingsResult = Extract<ReadResult, { readonly kind: 'siblings' }>;

/** What a session makes of the server's answer to a read of siblings; of a name without a node it says that there is none. */
export function siblingAnswer(
  path: string,
  nodes: ReadonlyMap<string, { readonly data: Buffer; readonly stat: Stat } | undefined>,
): SiblingsResult {
  const writer = new JuteWriter();
  for (const node of nodes.values())
    writeItem(writer, node === undefined ? { kind: 'error' } : { kind: 'data', ...node });
  const names = [...nodes.keys()];
  const reader = new AnswerReader(new JuteReader(writer.finish()));
  const result = reader.read({ kind: 'siblings', path, names });
  if (result.kind !== 'siblings') throw new Error(`${childOf(path, names[0] ?? '')} is no sibling`);
  return result;
}
