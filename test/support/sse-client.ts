import { once } from 'node:events';
import { type ClientRequest, type IncomingMessage, request } from 'node:http';

export interface SseMessage {
  readonly event: string;
  readonly data: unknown;
  /** The last event id as it stood when the message was dispatched. */
  readonly lastEventId: string;
}

/** What an EventSource would see of a stream (WHATWG HTML, 9.2.6), without coming back by itself. */
export interface SseClient extends AsyncDisposable {
  readonly response: IncomingMessage;
  readonly messages: readonly SseMessage[];
  /** The id that it would come back with; also moved by messages without data. */
  readonly lastEventId: string;
  readonly comments: number;
  readonly retryMs: number | undefined;
  readonly ended: boolean;
  /** Stops taking bytes from the socket. */
  pause(): void;
  resume(): void;
}

export async function sseClient(
  url: string,
  headers: Record<string, string> = {},
): Promise<SseClient> {
  const asking: ClientRequest = request(url, { headers, agent: false });
  asking.end();
  const [response]: IncomingMessage[] = await once(asking, 'response');
  if (response === undefined) throw new Error('no response');
  const messages: SseMessage[] = [];
  let lastEventId = '';
  let comments = 0;
  let retryMs: number | undefined;
  let ended = false;
  let rest = '';
  let event = '';
  let idBuffer = '';
  let data: string[] = [];

  const dispatch = (): void => {
    lastEventId = idBuffer;
    if (data.length > 0) {
      messages.push({ event: event || 'message', data: JSON.parse(data.join('\n')), lastEventId });
    }
    event = '';
    data = [];
  };
  const line = (text: string): void => {
    if (text === '') return dispatch();
    if (text.startsWith(':')) return void (comments += 1);
    const [, field = '', value = ''] = /^([^:]*):? ?(.*)$/s.exec(text) ?? [];
    if (field === 'event') event = value;
    if (field === 'data') data.push(value);
    if (field === 'id') idBuffer = value;
    if (field === 'retry') retryMs = Number(value);
  };
  response.setEncoding('utf8');
  response.on('data', (chunk: string) => {
    const lines = (rest + chunk).split('\n');
    rest = lines.pop() ?? '';
    lines.forEach(line);
  });
  response.on('close', () => {
    ended = true;
  });
  response.on('error', () => undefined);
  asking.on('error', () => undefined);
  return {
    response,
    messages,
    get lastEventId() {
      return lastEventId;
    },
    get comments() {
      return comments;
    },
    get retryMs() {
      return retryMs;
    },
    get ended() {
      return ended;
    },
    pause: () => void response.pause(),
    resume: () => void response.resume(),
    async [Symbol.asyncDispose]() {
      asking.destroy();
    },
  };
}
