import { connect } from 'node:net';

/** What comes back of raw bytes, until the other side closes. */
export function rawAnswer(url: string, chunks: Iterable<string | Buffer>): Promise<string> {
  const { hostname, port } = new URL(url);
  return new Promise(resolve => {
    let text = '';
    const socket = connect({ host: hostname, port: Number(port) });
    socket.on('data', (chunk: Buffer) => (text += chunk.toString('utf8')));
    socket.on('error', () => undefined); // what was sent after the refusal is thrown away
    socket.on('close', () => resolve(text));
    for (const chunk of chunks) socket.write(chunk);
  });
}
