import type { Socket } from 'node:net';
import { errorText, hasCode } from '../kernel/errors.ts';
import { type FrameSplitter, frameSplitter } from '../kernel/framing.ts';
import { JuteReader } from '../kernel/jute.ts';
import { OP, XID } from '../kernel/wire.ts';
import { digestIdentity, type Identity } from './acl.ts';
import { bareReply, eventFrame, NO_ZXID } from './encode.ts';
import { ERROR } from './error-code.ts';
import { readHello, welcomeFrame } from './handshake.ts';
import type { Connection, Host } from './host.ts';
import { outbox } from './outbox.ts';
import { isKnown, runRequest } from './requests.ts';
import type { Session } from './sessions.ts';

/** Above it a client's requests wait until it has read some of its answers. */
const PAUSE_BYTES = 1024 * 1024;

/**
 * So much of what a client sends is read while its requests wait for it to read: whoever takes long over a large answer is heard all
 * the same, and keeps its session.
 */
const READ_AHEAD_BYTES = 64 * 1024;

/** Above it all requests wait until the disk has taken some of what was written: clients may well be quicker than it. */
const BACKLOG_BYTES = 8 * 1024 * 1024;

/**
 * After so many requests the client has its answers, or the disk what they wrote, before more of its requests are done: a client
 * that sends many at once works on the first answers, and the disk on the first writes, while the rest are being done.
 */
const REQUESTS_AT_ONCE = 8;

/** Whoever shows more than so many credentials on one connection is refused. */
const MAX_IDENTITIES = 100;

type Phase =
  | { readonly kind: 'new'; head: Buffer }
  | { readonly kind: 'greeting' }
  | { readonly kind: 'serving'; readonly session: Session<Connection> }
  | { readonly kind: 'finishing' }
  | { readonly kind: 'over' };

export function openConnection(socket: Socket, id: number, host: Host): Connection {
  const { database, limits, logger } = host;
  const remote = `${socket.remoteAddress ?? ''}:${socket.remotePort ?? 0}`;
  const identities: Identity[] = [{ scheme: 'ip', id: addressOf(socket) }];
  const splitter: FrameSplitter = frameSplitter(limits.maxBufferBytes);
  const queued = outbox();
  const openedAtMs = host.fair.nowMs();
  let endedAtMs = Number.POSITIVE_INFINITY;
  let phase: Phase = { kind: 'new', head: Buffer.alloc(0) };
  let session: Session<Connection> | undefined;
  let paused = false;
  let held = false;
  let largestReplyBytes = 0;
  let received = 0;
  let sent = 0;

  const unreadBytes = (): number => queued.bytes + socket.writableLength;

  const send = (frame: Buffer): void => {
    sent += 1;
    queued.queue(frame, host.journal.appended);
    host.due(connection);
  };

  /** Nothing more is taken or queued; the socket may still be sending. */
  const over = (): void => {
    if (phase.kind === 'over') return;
    phase = { kind: 'over' };
    held = false;
    endedAtMs = host.fair.nowMs();
    if (session?.connection === connection) session.connection = undefined;
    database.watches.forget(connection);
    host.ended(connection);
  };

  const destroy = (reason: string): void => {
    if (phase.kind !== 'over')
      logger.debug({ remote, sessionId: session?.id.toString(16), reason }, 'connection ended');
    over();
    socket.destroy();
  };

  const finish = (): void => {
    if (phase.kind === 'over') return;
    phase = { kind: 'finishing' };
    endedAtMs = host.fair.nowMs();
    host.due(connection);
  };

  const greet = (frame: Buffer): void => {
    if (!host.journal.healthy) return destroy('the disk takes no writes');
    const hello = readHello(frame);
    if (hello.lastZxid > database.zxid)
      return destroy('the client has seen a later state than this server has');
    session = host.attach(hello, connection);
    const password = session && host.passwords.of(session.id);
    send(
      welcomeFrame(
        session && password && { id: session.id, timeoutMs: session.timeoutMs, password },
        hello.withReadOnly,
      ),
    );
    if (session === undefined) finish();
    else phase = { kind: 'serving', session };
  };

  const authenticate = (xid: number, body: JuteReader): void => {
    body.int();
    const scheme = body.string();
    const credentials = body.bytes();
    const isDigest = scheme === 'digest' && credentials !== undefined;
    if (isDigest) learn(identities, digestIdentity(credentials.toString('utf8')));
    const known = (isDigest || scheme === 'ip') && identities.length <= MAX_IDENTITIES;
    send(bareReply(xid, 0, known ? ERROR.ok : ERROR.authFailed));
    if (!known) finish();
  };

  const serve = (frame: Buffer, { id: sessionId }: Session<Connection>): void => {
    const body = new JuteReader(frame);
    const [numbered, op] = [body.int(), body.int()];
    const xid = op === OP.ping ? XID.ping : numbered;
    received += 1;
    if (op === OP.auth) return authenticate(xid, body);
    if (op === OP.closeSession) {
      host.endSession(sessionId);
      send(bareReply(xid, database.zxid, ERROR.ok));
      return finish();
    }
    if (!isKnown(op)) {
      send(bareReply(xid, NO_ZXID, ERROR.unimplemented));
      return finish();
    }
    const reply = runRequest(database, connection, { xid, op, body });
    if (reply.length > largestReplyBytes) largestReplyBytes = reply.length;
    send(reply);
  };

  const handle = (): void => {
    for (let done = 0; done < REQUESTS_AT_ONCE; done += 1) {
      if (phase.kind === 'serving' && unreadBytes() > PAUSE_BYTES) return wait();
      if (phase.kind === 'serving' && host.journal.backlogBytes > BACKLOG_BYTES) return hold();
      if (phase.kind !== 'serving' && phase.kind !== 'greeting') return;
      const frame = splitter.next();
      if (frame === undefined) return;
      if (phase.kind === 'greeting') greet(frame);
      else serve(frame, phase.session);
    }
    if (phase.kind === 'serving') pause();
  };

  /** What a client sends can end its own connection, and nothing else. */
  const guarded = (work: () => void): void => {
    try {
      work();
    } catch (error) {
      if (!hasCode(error, 'MALFORMED_PACKET'))
        logger.error({ remote, error: errorText(error) }, 'a request failed');
      destroy(errorText(error));
    }
  };

  const pause = (): void => {
    paused = true;
    socket.pause();
  };

  const wait = (): void => {
    paused = true;
    if (splitter.bufferedBytes > READ_AHEAD_BYTES) socket.pause();
    else socket.resume();
  };

  const hold = (): void => {
    held = true;
    pause();
    host.due(connection); // it is looked at again whenever the disk has taken something
  };

  const resume = (): void => {
    if (!paused) return;
    if (unreadBytes() > PAUSE_BYTES / 2) return wait();
    if (held && host.journal.backlogBytes > BACKLOG_BYTES / 2) return;
    paused = false;
    held = false;
    guarded(handle);
    if (!paused) socket.resume();
  };

  /** Before the handshake, and only then, four letters may ask how the server is. */
  const begin = (chunk: Buffer, head: Buffer): Buffer | undefined => {
    const bytes = head.length === 0 ? chunk : Buffer.concat([head, chunk]);
    if (bytes.length < 4) {
      phase = { kind: 'new', head: bytes };
      return undefined;
    }
    const answer = host.fourLetters(bytes.toString('latin1', 0, 4));
    if (answer === undefined) {
      phase = { kind: 'greeting' };
      return bytes;
    }
    over();
    socket.end(answer);
    return undefined;
  };

  socket.on('data', (chunk: Buffer) => {
    if (phase.kind === 'finishing' || phase.kind === 'over') return; // it is read, so that its end is seen, and not kept
    const bytes = phase.kind === 'new' ? begin(chunk, phase.head) : chunk;
    if (bytes === undefined) return;
    if (session !== undefined) host.heard(session);
    splitter.push(bytes);
    if (paused) wait();
    else guarded(handle);
  });
  socket.on('drain', () => {
    largestReplyBytes = 0;
    resume();
  });
  socket.on('error', () => undefined); // 'close' follows
  socket.on('end', () => {
    if (phase.kind === 'over') return; // what is left for it is still sent: the socket ends itself after that
    destroy('the client ended it');
  });
  socket.on('close', () => {
    destroy('it broke');
    host.gone(connection);
  });

  const connection: Connection = {
    id,
    remote,
    identities,
    get lingersSinceMs() {
      return session === undefined ? openedAtMs : endedAtMs;
    },
    get session() {
      return session;
    },
    get sessionId() {
      return session?.id ?? 0n;
    },
    get held() {
      return held;
    },
    get received() {
      return received;
    },
    get sent() {
      return sent;
    },
    notify(type, path) {
      if (phase.kind === 'over') return;
      send(eventFrame(type, path));
      if (unreadBytes() <= PAUSE_BYTES + largestReplyBytes + limits.maxUnreadEventBytes) return;
      host.tooSlow(connection);
    },
    flush(durable) {
      const bytes = queued.take(durable);
      if (bytes !== undefined) socket.write(bytes);
      if (phase.kind === 'finishing' && queued.bytes === 0) {
        over();
        socket.end();
      } else resume();
      return queued.bytes === 0 && !held;
    },
    finish,
    destroy,
  };
  return connection;
}

function learn(identities: Identity[], identity: Identity): void {
  if (!identities.some(({ scheme, id }) => scheme === identity.scheme && id === identity.id))
    identities.push(identity);
}

/** The address as ACLs of the scheme `ip` name it. */
function addressOf(socket: Socket): string {
  return (socket.remoteAddress ?? '').replace(/^::ffff:/, '');
}
