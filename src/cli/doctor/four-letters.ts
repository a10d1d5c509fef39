import { connect as connectTcp } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { deferred } from '../../kernel/abort.ts';
import type { Clock } from '../../kernel/clock.ts';
import { RollcallError } from '../../kernel/errors.ts';
import type { ServerAddress, TlsOptions } from '../../zookeeper/index.ts';

const ANSWER_WITHIN_MS = 3_000;
const MAX_ANSWER_CHARACTERS = 256 * 1024;

/**
 * Asks a server one of its four-letter words (ZooKeeper's administrator's guide, "The Four Letter Words") and returns the
 * whole answer; a word that the server does not allow is answered by a sentence that says so.
 *
 * @throws RollcallError TIMEOUT, or the socket's error when nobody is there.
 */
export async function fourLetters(
  server: ServerAddress,
  word: 'ruok' | 'srvr',
  tls: TlsOptions | undefined,
  clock: Clock,
): Promise<string> {
  const answer = deferred<string>();
  const { host, port } = server;
  const socket =
    tls === undefined ? connectTcp({ host, port }) : connectTls({ host, port, ...tls });
  let text = '';
  socket.setEncoding('utf8');
  socket.once(tls === undefined ? 'connect' : 'secureConnect', () => socket.write(word));
  socket.on('data', (chunk: string) => {
    if (text.length < MAX_ANSWER_CHARACTERS) text += chunk;
  });
  socket.once('error', answer.reject);
  socket.once('close', () => answer.resolve(text));
  const timer = clock.after(ANSWER_WITHIN_MS, () =>
    answer.reject(new RollcallError('TIMEOUT', `no answer within ${ANSWER_WITHIN_MS} ms`)),
  );
  try {
    return await answer.promise;
  } finally {
    timer.cancel();
    socket.destroy();
  }
}

export interface ServerFacts {
  readonly version: string | undefined;
  /** `leader`, `follower`, `observer`, `standalone`; undefined when it does not say. */
  readonly mode: string | undefined;
  /** It runs, but has no quorum (or has just started). */
  readonly serving: boolean;
  /** `srvr` is not in its `4lw.commands.whitelist`. */
  readonly silent: boolean;
}

/** Reads the answer to `srvr`. */
export function readServerFacts(answer: string): ServerFacts {
  return {
    version: /^Zookeeper version: (\d+\.\d+\.\d+)/im.exec(answer)?.[1],
    mode: /^Mode: (\S+)/im.exec(answer)?.[1],
    serving: !/not currently serving requests/i.test(answer),
    silent: /not in the whitelist/i.test(answer),
  };
}

/** Whether `version` is at least `least`; both `3.8.0`. */
export function isAtLeast(version: string, least: string): boolean {
  const [own, other] = [version, least].map(text => text.split('.').map(Number));
  for (let at = 0; at < 3; at += 1) {
    const difference = (own?.[at] ?? 0) - (other?.[at] ?? 0);
    if (difference !== 0) return difference > 0;
  }
  return true;
}
