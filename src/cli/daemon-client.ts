import type { IncomingMessage } from 'node:http';
import { z } from 'zod';
import { configFlag, flag, flagOf, type SettingsSchema } from '../daemon/index.ts';
import type { Clock } from '../kernel/clock.ts';
import { errorText, RollcallError } from '../kernel/errors.ts';
import { bodyText, httpGet } from './http-get.ts';
import type { Terminal } from './terminal.ts';

const ANSWER_WITHIN_MS = 15_000;
/** 100 000 providers in one service are some 50 MiB. */
const MAX_ANSWER_BYTES = 512 * 1024 * 1024;
const MAX_PROBLEM_BYTES = 64 * 1024;

export const SERVER_HINT = 'a server looks like http://127.0.0.1:7070';

export function readServer(text: string): URL | undefined {
  if (!/^https?:\/\//.test(text) || !URL.canParse(text)) return undefined;
  return new URL(text.endsWith('/') ? text : `${text}/`);
}

/** The flags of every command that asks the daemon. */
export const daemonFlags = () =>
  ({
    server: flagOf(readServer, SERVER_HINT, {
      help: 'the daemon to ask',
      value: 'URL',
      fallback: 'http://127.0.0.1:7070',
    }),
    token: flag(z.string().min(1, 'it must not be empty').optional(), {
      help: 'who asks; better given as ROLLCALL_TOKEN',
      value: 'TOKEN',
      secret: true,
    }),
    config: configFlag(),
  }) satisfies SettingsSchema['shape'];

export interface DaemonClientOptions {
  readonly server: URL;
  readonly token?: string | undefined;
  readonly clock: Clock;
}

export interface Answer {
  readonly body: unknown;
  /** `live`, `syncing`, `stale`; undefined when the answer does not come from the view. */
  readonly view: string | undefined;
}

export interface DaemonClient {
  /** @throws RollcallError CONNECTION_LOSS when nobody answers; another code when the daemon refuses, in its own words. */
  get(path: string, query?: URLSearchParams): Promise<Answer>;
  /** A stream that goes on until `signal` aborts. Throws as `get` does. */
  stream(
    path: string,
    query: URLSearchParams,
    options: StreamOptions,
  ): Promise<AsyncIterable<Uint8Array>>;
}

export interface StreamOptions {
  readonly lastEventId: string | undefined;
  readonly signal: AbortSignal;
}

export function daemonClient({ server, token, clock }: DaemonClientOptions): DaemonClient {
  const identity = token === undefined ? {} : { authorization: `Bearer ${token}` };
  const ask = async (
    path: string,
    query: URLSearchParams,
    headers: Readonly<Record<string, string>>,
    signal: AbortSignal,
  ): Promise<IncomingMessage> => {
    const url = new URL(path, server);
    url.search = query.toString();
    const answer = await httpGet(url, { ...identity, ...headers }, signal).catch(
      (error: unknown) => {
        throw signal.aborted ? signal.reason : unreachable(server, error);
      },
    );
    if (answer.statusCode === 200) return answer;
    throw await refusal(answer, url);
  };
  return {
    async get(path, query = new URLSearchParams()) {
      const limit = new AbortController();
      const timer = clock.after(ANSWER_WITHIN_MS, () =>
        limit.abort(unreachable(server, new Error(`no answer within ${ANSWER_WITHIN_MS} ms`))),
      );
      try {
        const answer = await ask(path, query, { accept: 'application/json' }, limit.signal);
        const view = answer.headers['x-rollcall-view'];
        const body = await jsonOf(answer, server, limit.signal);
        return { body, view: typeof view === 'string' ? view : undefined };
      } finally {
        timer.cancel();
      }
    },
    async stream(path, query, { lastEventId, signal }) {
      const resume = lastEventId === undefined ? {} : { 'last-event-id': lastEventId };
      return ask(path, query, { accept: 'text/event-stream', ...resume }, signal);
    },
  };
}

function unreachable(server: URL, cause: unknown): RollcallError {
  const reason = cause instanceof Error && 'code' in cause ? String(cause.code) : errorText(cause);
  return new RollcallError(
    'CONNECTION_LOSS',
    `the daemon at ${server.origin} cannot be reached (${reason}): start it with "rollcall serve", or say where it is with --server URL`,
    { cause },
  );
}

async function jsonOf(answer: IncomingMessage, server: URL, signal: AbortSignal): Promise<unknown> {
  let text: string;
  try {
    text = await bodyText(answer, MAX_ANSWER_BYTES);
  } catch (error) {
    throw signal.aborted ? signal.reason : unreachable(server, error);
  }
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new RollcallError(
      'INTERNAL',
      `${server.origin} does not answer as a Rollcall daemon does: is --server right?`,
      { cause },
    );
  }
}

const Problem = z.looseObject({
  title: z.string().default(''),
  detail: z.string().default(''),
  code: z.string().default(''),
});

/** What the daemon said of why it did not do it, in one line. */
async function refusal(answer: IncomingMessage, url: URL): Promise<RollcallError> {
  const { statusCode: status = 0, statusMessage = '' } = answer;
  const body = await problemOf(answer);
  const words = [body.detail, body.title, statusMessage].find(text => text !== '') ?? '';
  const label = [String(status), body.code].filter(part => part !== '').join(' ');
  const remedy = status === 401 || status === 403 ? '; a token is given by ROLLCALL_TOKEN' : '';
  return new RollcallError('INVALID_REQUEST', `${url.host} answers ${label}: ${words}${remedy}`, {
    details: { status, code: body.code },
  });
}

async function problemOf(answer: IncomingMessage): Promise<z.output<typeof Problem>> {
  const none = { title: '', detail: '', code: '' };
  try {
    return Problem.catch(none).parse(JSON.parse(await bodyText(answer, MAX_PROBLEM_BYTES)));
  } catch {
    return none; // not a problem document: the status alone tells
  }
}

/** A list that may be old is still printed; whoever reads it should know. */
export function warnOfView(terminal: Pick<Terminal, 'complain'>, view: string | undefined): void {
  if (view !== 'stale') return;
  terminal.complain(
    'rollcall: the daemon cannot reach ZooKeeper just now: this is what it knew last',
  );
}

/** @throws RollcallError INTERNAL when the answer is not what this release knows. */
export function parseAnswer<A>(schema: z.ZodType<A>, body: unknown): A {
  const parsed = schema.safeParse(body);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  const field =
    issue === undefined ? '' : ` (${issue.path.map(String).join('.')}: ${issue.message})`;
  throw new RollcallError(
    'INTERNAL',
    `the daemon's answer is not as this release knows it${field}: is it older or newer?`,
  );
}
