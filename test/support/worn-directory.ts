import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { deflateSync } from 'node:zlib';
import { bareNode, freshTree } from '../../src/embedded/tree.ts';
import { writeSnapshot } from '../../src/embedded/log/folder.ts';
import { pictureOf } from '../../src/embedded/log/snapshot-codec.ts';
import type { ZooKeeperServer } from '../../src/testing/index.ts';

/** A data folder of an embedded server whose directory `path` has had so many creates. */
export async function wornFolder(dataDir: string, path: string, creates: number): Promise<void> {
  const tree = freshTree();
  tree.insert(path, bareNode({ creates }));
  const facts = { zxid: 1, secret: Buffer.alloc(32, 1), sessions: new Map<bigint, number>() };
  await writeSnapshot(dataDir, pictureOf(tree, facts));
}

/** The header of a transaction log, and of each transaction: checksum (8), length (4). */
const FILE_HEADER_BYTES = 16;
const HEADER_BYTES = 12;

/**
 * Makes a real server, which goes down for it, believe that the create of `child` was the nth in its directory: that number is the
 * last of the transaction (org.apache.zookeeper.txn.CreateTxn). The server must not keep digests of its tree.
 */
export async function wearOut(
  server: ZooKeeperServer,
  child: string,
  creates: number,
): Promise<void> {
  await server.stop();
  const folder = join(server.dataFolder, 'version-2');
  for (const name of (await readdir(folder)).filter(each => each.startsWith('log.'))) {
    const bytes = await readFile(join(folder, name));
    for (let at = FILE_HEADER_BYTES; at + HEADER_BYTES <= bytes.length; ) {
      const length = bytes.readInt32BE(at + 8);
      if (length <= 0) break;
      const transaction = bytes.subarray(at + HEADER_BYTES, at + HEADER_BYTES + length);
      if (transaction.includes(child)) {
        transaction.writeInt32BE(creates, length - 4);
        bytes.writeBigInt64BE(BigInt(adler32(transaction)), at);
      }
      at += HEADER_BYTES + length + 1;
    }
    await writeFile(join(folder, name), bytes);
  }
  await server.start();
}

/** What a zlib stream ends with. */
function adler32(bytes: Buffer): number {
  const stream = deflateSync(bytes);
  return stream.readUInt32BE(stream.length - 4);
}
