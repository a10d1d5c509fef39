import { createHash } from 'node:crypto';
import {
  type ExportedNode,
  type ExportHeader,
  type ExportTrailer,
  malformed,
  parseLine,
} from './format.ts';
import { linesOf } from './lines.ts';

export interface CheckedExport {
  readonly header: ExportHeader;
  readonly trailer: ExportTrailer;
}

/**
 * Reads an export from its first byte to its last, and keeps nothing of it.
 *
 * @throws RollcallError MALFORMED_RECORD when it is no export, is cut off, or was changed on its way.
 */
export async function checkExport(chunks: AsyncIterable<Uint8Array>): Promise<CheckedExport> {
  const sum = createHash('sha256');
  let header: ExportHeader | undefined;
  let trailer: ExportTrailer | undefined;
  let nodes = 0;
  let number = 0;
  for await (const line of linesOf(chunks)) {
    number += 1;
    if (trailer !== undefined) throw malformed('something follows its last line');
    const read = parseLine(line, number);
    if (read.kind === 'trailer') {
      ({ trailer } = read);
      continue;
    }
    if (read.kind === 'header') ({ header } = read);
    else checkPlace(read.node, header, (nodes += 1), number);
    sum.update(line).update('\n');
  }
  if (header === undefined) throw malformed('it is empty');
  if (trailer === undefined)
    throw malformed(`it is cut off: after ${nodes} nodes there is no last line that counts them`);
  if (trailer.nodes !== nodes)
    throw malformed(`it is damaged: it has ${nodes} nodes, and says ${trailer.nodes}`);
  if (trailer.sha256 !== sum.digest('hex'))
    throw malformed('it is damaged: its checksum does not fit');
  return { header, trailer };
}

function checkPlace(
  { path }: ExportedNode,
  header: ExportHeader | undefined,
  nth: number,
  number: number,
): void {
  const root = header?.root ?? '/';
  if (nth === 1 ? path === root : path.startsWith(root === '/' ? '/' : `${root}/`)) return;
  throw malformed(`line ${number}: ${path} is not where its root ${root} is`);
}

/** The nodes of an export that was checked, parents before their children. */
export async function* nodesOf(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<ExportedNode> {
  let number = 0;
  for await (const line of linesOf(chunks)) {
    const read = parseLine(line, (number += 1));
    if (read.kind === 'node') yield read.node;
  }
}
