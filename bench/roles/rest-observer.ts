/**
 * A consumer over HTTP: long polls of the provider list, or the event stream. By node:http with a connection that is kept, as a
 * program does that waits for little: `fetch` and its web streams would take longer for an answer than all before them.
 */
import { Agent, get, type IncomingMessage } from 'node:http';
import { wallNowMs } from '../figures.ts';
import { tell } from './messages.ts';

const [url = '', service = '', way = 'poll'] = process.argv.slice(2);

interface Answer {
  readonly index: string;
  readonly providers: readonly { readonly id: string }[];
}

const agent = new Agent({ keepAlive: true, maxSockets: 1 });

const ask = (path: string): Promise<IncomingMessage> =>
  new Promise((resolve, reject) => {
    get(`${url}${path}`, { agent }, resolve).once('error', reject);
  });

function whole(response: IncomingMessage): Promise<string> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    response.on('data', (chunk: Buffer) => chunks.push(chunk));
    response.once('end', () => resolve(Buffer.concat(chunks).toString('utf8')));
    response.once('error', reject);
  });
}

const seen = (id: string, present: boolean, atMs: number): void =>
  tell({ kind: 'seen', by: 'rest', id, present, atMs });

async function poll(): Promise<void> {
  let known: ReadonlySet<string> | undefined;
  let index = '0';
  for (;;) {
    const response = await ask(`/v1/services/${service}/providers?index=${index}&wait=60s`);
    const answer = JSON.parse(await whole(response)) as Answer;
    const atMs = wallNowMs();
    const present = new Set(answer.providers.map(provider => provider.id));
    if (known === undefined) tell({ kind: 'ready' });
    else {
      for (const id of present) if (!known.has(id)) seen(id, true, atMs);
      for (const id of known) if (!present.has(id)) seen(id, false, atMs);
    }
    known = present;
    index = answer.index;
  }
}

function onMessage(text: string, atMs: number): void {
  const event = /^event: (\w+)$/m.exec(text)?.[1];
  const data = /^data: (.*)$/m.exec(text)?.[1];
  if (event === 'snapshot') return tell({ kind: 'ready' });
  if (data === undefined || (event !== 'joined' && event !== 'left')) return;
  const body = JSON.parse(data) as {
    readonly id?: string;
    readonly provider?: { readonly id: string };
  };
  seen(body.provider?.id ?? body.id ?? '', event === 'joined', atMs);
}

async function stream(): Promise<void> {
  const response = await ask(`/v1/watch?service=${service}`);
  response.setEncoding('utf8');
  let text = '';
  for await (const chunk of response) {
    const atMs = wallNowMs();
    text += String(chunk);
    for (let end = text.indexOf('\n\n'); end >= 0; end = text.indexOf('\n\n')) {
      onMessage(text.slice(0, end), atMs);
      text = text.slice(end + 2);
    }
  }
}

process.once('disconnect', () => process.exit(0));
await (way === 'sse' ? stream() : poll());
