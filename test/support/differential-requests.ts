import type { JuteWriter } from '../../src/kernel/jute.ts';
import { OP } from '../../src/kernel/wire.ts';
import { type Asked, ONE_SHOT_SESSIONS, type TestAcl, type Write } from './differential-moves.ts';
import type { WireClient } from './wire-client.ts';

/** Sends one request of a move, below `root`. */
export function perform(
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
    case 'reconfig':
      return client.call(OP.reconfig, writer =>
        writer.string('server.2=127.0.0.1:1:2').string(undefined).string(undefined).long(-1n),
      );
    default:
      return each satisfies never;
  }
}

export const opOf = (write: Write): number => (write.kind === 'create' ? write.op : OP[write.kind]);

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

export function writeCreate(
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
