import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';

/** `closeSession`, the transaction by which ZooKeeper ends a session, closed or expired. */
const CLOSE_SESSION = -11;

/** File header: magic `ZKLG`, version, database id. Then records: checksum (8), length (4), TxnHeader, body, `B`. */
const FILE_HEADER_BYTES = 16;

/**
 * When ZooKeeper itself ended each session: wall-clock milliseconds from the headers of its transaction log
 * (org.apache.zookeeper.server.persistence.FileTxnLog; TxnHeader: clientId, cxid, zxid, time, type).
 */
export async function sessionEnds(dataDir: string): Promise<ReadonlyMap<bigint, number>> {
  const ends = new Map<bigint, number>();
  const folder = join(dataDir, 'version-2');
  for (const name of await readdir(folder)) {
    if (!name.startsWith('log.')) continue;
    const bytes = await readFile(join(folder, name));
    for (let at = FILE_HEADER_BYTES; at + 12 <= bytes.length; ) {
      const length = bytes.readInt32BE(at + 8);
      if (length <= 0) break;
      const header = at + 12;
      if (bytes.readInt32BE(header + 28) === CLOSE_SESSION) {
        ends.set(bytes.readBigInt64BE(header), Number(bytes.readBigInt64BE(header + 20)));
      }
      at = header + length + 1;
    }
  }
  return ends;
}
