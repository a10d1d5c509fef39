import type { JuteReader, JuteWriter } from '../../kernel/jute.ts';
import type { Acl } from '../acl.ts';
import type { Change, Transaction } from '../change.ts';
import { malformed, readAcl, readPath } from '../decode.ts';
import { writeAcl, writeNumber } from '../encode.ts';
import type { Life } from '../tree.ts';

/** The numbers are what lies on disks: they never change their meaning. */
const KIND = {
  create: 1,
  delete: 2,
  'set-data': 3,
  'set-acl': 4,
  'open-session': 5,
  'close-session': 6,
} as const;

const LIVES: readonly Life[] = ['persistent', 'ephemeral', 'container', 'ttl'];

const LEAST_CHANGE_BYTES = 8;

export function writeTransaction(writer: JuteWriter, transaction: Transaction): void {
  writeNumber(writer, transaction.zxid);
  writeNumber(writer, transaction.timeMs);
  writer.vector(transaction.changes, change => writeChange(writer, change));
}

/** @throws RollcallError MALFORMED_PACKET. */
export function readTransaction(reader: JuteReader): Transaction {
  const zxid = reader.safeLong();
  const timeMs = reader.safeLong();
  return {
    zxid,
    timeMs,
    changes: reader.vector(() => readChange(reader), LEAST_CHANGE_BYTES) ?? [],
  };
}

function writeChange(writer: JuteWriter, change: Change): void {
  writer.int(KIND[change.kind]);
  switch (change.kind) {
    case 'create':
      writer.string(change.path).bytes(change.data);
      writeAcl(writer, change.acl);
      writeLife(writer, change.life);
      writeNumber(writer.long(change.owner), change.ttlMs);
      return;
    case 'delete':
      writer.string(change.path);
      return;
    case 'set-data':
      writer.string(change.path).bytes(change.data);
      return;
    case 'set-acl':
      writeAcl(writer.string(change.path), change.acl);
      return;
    case 'open-session':
      writer.long(change.sessionId).int(change.timeoutMs);
      return;
    case 'close-session':
      writer.long(change.sessionId);
      return;
    default:
      change satisfies never;
  }
}

function readChange(reader: JuteReader): Change {
  const kind = reader.int();
  switch (kind) {
    case KIND.create:
      return {
        kind: 'create',
        path: readPath(reader),
        data: reader.bytes(),
        acl: readStoredAcl(reader),
        life: readLife(reader),
        owner: reader.long(),
        ttlMs: reader.safeLong(),
      };
    case KIND.delete:
      return { kind: 'delete', path: readPath(reader) };
    case KIND['set-data']:
      return { kind: 'set-data', path: readPath(reader), data: reader.bytes() };
    case KIND['set-acl']:
      return { kind: 'set-acl', path: readPath(reader), acl: readStoredAcl(reader) };
    case KIND['open-session']:
      return { kind: 'open-session', sessionId: reader.long(), timeoutMs: reader.int() };
    case KIND['close-session']:
      return { kind: 'close-session', sessionId: reader.long() };
    default:
      throw malformed(`${kind} is no kind of change`);
  }
}

export function writeLife(writer: JuteWriter, life: Life): void {
  writer.int(LIVES.indexOf(life));
}

export function readLife(reader: JuteReader): Life {
  const code = reader.int();
  const life = LIVES[code];
  if (life === undefined) throw malformed(`${code} is no kind of node`);
  return life;
}

export function readStoredAcl(reader: JuteReader): readonly Acl[] {
  return readAcl(reader) ?? [];
}
