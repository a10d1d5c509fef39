import type { Socket } from 'node:net';
import { errorText } from '../kernel/errors.ts';
import { openConnection } from './connection.ts';
import { database } from './database.ts';
import { answerWord, type ServerFacts } from './four-letter-words.ts';
import { passwords } from './handshake.ts';
import type { Connection, Host } from './host.ts';
import type { Store } from './journal.ts';
import type { Settings } from './options.ts';
import { periodic } from './periodic.ts';
import { sender } from './sender.ts';
import { sessionKeeper } from './session-keeper.ts';
import { fairClock } from './sessions.ts';

/** All of the server but the socket that it listens on. */
export interface Engine {
  accept(socket: Socket): void;
  /** Ends every connection and every timer. */
  stop(): void;
}

/** A connection that has not said who it is, or has not read the last it was told, within this time is ended. */
const LINGER_MS = 10_000;
const LINGERERS_EVERY_MS = 1_000;

export function startEngine(settings: Settings, store: Store, port: () => number): Engine {
  const { clock, logger } = settings;
  const { journal } = store;
  const connections = new Set<Connection>();
  const past = { received: 0, sent: 0 };
  const fair = fairClock(clock.nowMs);
  const startedAtMs = clock.nowMs();
  const outgoing = sender(journal);
  const wallMs = (): number => Math.floor(clock.wallMs());
  const data = database({ tree: store.tree, zxid: store.zxid, journal, wallMs });
  const secrets = passwords(store.secret);
  const keeper = sessionKeeper({
    database: data,
    passwords: secrets,
    fair,
    limits: settings,
    tickTimeMs: settings.tickTimeMs,
    clock,
    logger,
    known: store.sessions,
    healthy: () => journal.healthy,
    wrote: outgoing.wrote,
  });
  let opened = 0;

  const endAll = (reason: string): void => {
    for (const connection of [...connections]) connection.destroy(reason);
  };

  journal.listen({
    durable: outgoing.flush,
    failed(error) {
      logger.error(
        { error: errorText(error) },
        'the disk takes no writes: nobody is served until it does',
      );
      endAll('the disk takes no writes');
    },
    healed() {
      keeper.pardon();
      logger.info({}, 'the disk takes writes again');
    },
  });

  const facts = (): ServerFacts => {
    const open = [...connections];
    return {
      zxid: data.zxid,
      nodes: data.tree.size,
      dataBytes: data.tree.bytes,
      ephemerals: data.tree.ephemerals,
      watches: data.watches.size,
      watchedPaths: data.watches.paths,
      sessions: [...keeper.sessions.all()].map(({ id }) => id),
      ownedBy: data.tree.ownedBy,
      received: open.reduce((sum, { received }) => sum + received, past.received),
      sent: open.reduce((sum, { sent }) => sum + sent, past.sent),
      upMs: clock.nowMs() - startedAtMs,
      port: port(),
      settings,
      serving: journal.healthy,
      connections: open,
    };
  };

  const host: Host = {
    database: data,
    journal,
    passwords: secrets,
    fair,
    limits: settings,
    logger,
    attach: keeper.attach,
    endSession: keeper.end,
    heard: keeper.heard,
    due: outgoing.due,
    tooSlow(connection) {
      const { remote } = connection;
      logger.warn({ remote }, 'a client does not read its events: it is cut off');
      connection.destroy('it does not read its events');
    },
    ended: outgoing.forget,
    gone(connection) {
      connections.delete(connection);
      past.received += connection.received;
      past.sent += connection.sent;
    },
    fourLetters: word => answerWord(word, facts),
  };

  const timers = [
    keeper.stop,
    periodic(clock, settings.reapEveryMs, () => {
      if (journal.healthy && data.reap() > 0) outgoing.wrote();
    }),
    periodic(clock, LINGERERS_EVERY_MS, () => {
      const since = fair.nowMs() - LINGER_MS;
      for (const connection of [...connections])
        if (connection.lingersSinceMs < since) connection.destroy('it lingers without a session');
    }),
  ];

  return {
    accept(socket) {
      socket.setNoDelay(true);
      opened += 1;
      connections.add(openConnection(socket, opened, host));
    },
    stop() {
      for (const stop of timers) stop();
      endAll('the server is closed');
    },
  };
}
