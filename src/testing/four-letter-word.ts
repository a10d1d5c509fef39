import { connect } from 'node:net';
import { RollcallError } from '../kernel/errors.ts';

export type FourLetterWord =
  | 'ruok'
  | 'srvr'
  | 'stat'
  | 'mntr'
  | 'conf'
  | 'cons'
  | 'dump'
  | 'wchs'
  | 'wchp'
  | 'envi';

/**
 * Asks a ZooKeeper server one of its four-letter words and returns the whole answer.
 *
 * @throws RollcallError TIMEOUT when the answer is not complete after `timeoutMs` (a server that is just starting may accept
 * and never answer), CONNECTION_LOSS when there is nobody to ask.
 */
export function fourLetterWord(
  port: number,
  word: FourLetterWord,
  timeoutMs = 1_000,
): Promise<string> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    const socket = connect(port, '127.0.0.1');
    const timer = setTimeout(() => {
      socket.destroy();
      reject(
        new RollcallError('TIMEOUT', `${word}: no answer from port ${port} within ${timeoutMs} ms`),
      );
    }, timeoutMs);
    socket.on('connect', () => socket.write(word));
    socket.on('data', chunk => chunks.push(chunk));
    socket.on('error', cause =>
      reject(new RollcallError('CONNECTION_LOSS', `${word}: port ${port}`, { cause })),
    );
    socket.on('close', () => {
      clearTimeout(timer);
      resolve(Buffer.concat(chunks).toString('utf8'));
    });
  });
}
