import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** What one client sent, lengths included: greetings, and some of its requests, in their order. */
export interface Recording {
  readonly client: string;
  readonly greetings: readonly Buffer[];
  readonly requests: readonly Buffer[];
}

/** A few of each operation, none of them long and no two of one length, tell as much as all. */
const OF_EACH = 4;
const LONGEST_BYTES = 1_000;

export const operationOf = (request: Buffer): number => request.readInt32BE(8);

export function recordingOf(
  client: string,
  connections: readonly (readonly Buffer[])[],
): Recording {
  const lengths = new Map<number, Set<number>>();
  const isNew = (kind: number, { length }: Buffer): boolean => {
    const known = lengths.get(kind) ?? new Set();
    lengths.set(kind, known);
    if (known.has(length) || known.size === OF_EACH || length > LONGEST_BYTES) return false;
    known.add(length);
    return true;
  };
  const greetings = connections.flatMap(([first]) => first ?? []);
  const again = greetings.find(greeting => greeting.readBigInt64BE(20) !== 0n);
  return {
    client,
    // one for a new session, and one, if there was any, that names a session
    greetings: [...greetings.slice(0, 1), ...(again === undefined ? [] : [again])],
    requests: connections
      .flatMap(([, ...frames]) => frames)
      .filter(frame => isNew(operationOf(frame), frame)),
  };
}

const folder = fileURLToPath(new URL('recorded-frames', import.meta.url));

/** One file for each client: greetings, an empty line, requests; a frame a line, in hexadecimal digits. */
export function writeRecording({ client, greetings, requests }: Recording): void {
  const lines = (frames: readonly Buffer[]): string =>
    frames.map(frame => `${frame.toString('hex')}\n`).join('');
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, `${client}.txt`), `${lines(greetings)}\n${lines(requests)}`);
}

export function readRecordings(): readonly Recording[] {
  return readdirSync(folder).map(file => {
    const [greetings = '', requests = ''] = readFileSync(join(folder, file), 'utf8').split('\n\n');
    const frames = (text: string): readonly Buffer[] =>
      text
        .split('\n')
        .filter(line => line !== '')
        .map(line => Buffer.from(line, 'hex'));
    return {
      client: file.replace(/\.txt$/, ''),
      greetings: frames(greetings),
      requests: frames(requests),
    };
  });
}
