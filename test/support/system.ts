import { Agent, request } from 'node:http';
import { Registry } from 'prom-client';
import { expect, onTestFinished } from 'vitest';
import type { z } from 'zod';
import { type Aggregator, openAggregator } from '../../src/aggregator/index.ts';
import { prepareTree } from '../../src/daemon/prepare-tree.ts';
import { startServer } from '../../src/http/index.ts';
import { ProvidersAnswer } from '../../src/http/schemas/answers.ts';
import { systemClock } from '../../src/kernel/clock.ts';
import type { Logger } from '../../src/kernel/log.ts';
import { systemRandom } from '../../src/kernel/random.ts';
import { releasers } from '../../src/kernel/releasers.ts';
import { layout, type ProtectionSettings } from '../../src/registry/index.ts';
import { openSession, type Session, sessionMetrics } from '../../src/zookeeper/index.ts';

export interface Answer {
  readonly status: number;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string | undefined>>;
  readonly text: string;
  /** The body as JSON; undefined when it is none. */
  readonly json: unknown;
}

export type Providers = z.output<typeof ProvidersAnswer>;

/** A whole daemon in this process: session, aggregator and HTTP, composed as the daemon composes them. */
export interface System {
  readonly id: string;
  readonly session: Session;
  readonly aggregator: Aggregator;
  readonly url: string;
  /** What was logged as an error. */
  readonly errors: readonly object[];
  /** `path` goes out as it is written, dots and all. */
  get(path: string, headers?: Readonly<Record<string, string>>): Promise<Answer>;
  /** The list of a service, held against its schema. The query's default shows every status. */
  providers(service: string, query?: string): Promise<Providers>;
  /** The word of X-Rollcall-View. */
  view(): Promise<string | undefined>;
  /** The value of one series of `/metrics`, as `name{label="value"}`; undefined when there is no such line. */
  metric(series: string): Promise<number | undefined>;
  close(): Promise<void>;
}

export interface SystemOptions {
  readonly id?: string;
  readonly timeoutMs?: number;
  readonly protection?: Partial<ProtectionSettings>;
  /** Default: no audits, so that nothing is repaired behind the test's back. */
  readonly auditEveryMs?: number;
  /** Default: resolves with a live view only. */
  readonly waitForView?: boolean;
}

export const EVERY_STATUS = 'include=starting,draining,down,unhealthy';

const nothing = (): void => undefined;

/** Closed by the end of the test. */
export async function startSystem(servers: string, options: SystemOptions = {}): Promise<System> {
  const { id = 'aggregator', timeoutMs = 10_000, protection = {}, auditEveryMs = 0 } = options;
  const opened = releasers();
  onTestFinished(opened.release);
  const [clock, random, registry] = [systemClock, systemRandom, new Registry()];
  const errors: object[] = [];
  const logger: Logger = {
    debug: nothing,
    info: nothing,
    warn: nothing,
    error: (fields, text) => void errors.push({ ...fields, text }),
  };
  const common = { clock, random, logger };
  const session = await openSession({
    servers,
    timeoutMs,
    metrics: sessionMetrics(registry),
    ...common,
  });
  opened.push(() => session.close());
  const stopping = new AbortController();
  opened.push(() => stopping.abort());
  void prepareTree({ session, where: layout(), signal: stopping.signal, ...common });
  const aggregator = await openAggregator({
    session,
    id,
    address: '127.0.0.1:0',
    version: '1.0.0',
    registry,
    protection,
    auditEveryMs,
    ...common,
  });
  opened.push(() => aggregator.close());
  const server = await startServer({
    aggregator,
    metrics: { render: () => aggregator.metrics.render(), registry },
    version: '1.0.0',
    openWrites: 'this-machine',
    listen: { host: '127.0.0.1', port: 0 },
    ...common,
  });
  opened.push(() => server.shutdown({ graceMs: 0 }));
  const system = face({ id, session, aggregator, url: server.url, errors, close: opened.release });
  if (options.waitForView !== false) await aggregator.view.ready();
  return system;
}

type Parts = Pick<System, 'id' | 'session' | 'aggregator' | 'url' | 'errors' | 'close'>;

function face(parts: Parts): System {
  const agent = new Agent({ keepAlive: true });
  onTestFinished(() => agent.destroy());
  const get: System['get'] = (path, headers = {}) => ask(parts.url, path, headers, agent);
  return {
    ...parts,
    get,
    async providers(service, query = EVERY_STATUS) {
      const { status, json, text } = await get(`/v1/services/${service}/providers?${query}`);
      expect(status, text).toBe(200);
      return ProvidersAnswer.parse(json);
    },
    view: async () => (await get('/v1/services')).headers['x-rollcall-view'],
    async metric(series) {
      const { text } = await get('/metrics');
      const line = text.split('\n').find(each => each.startsWith(`${series} `));
      return line === undefined ? undefined : Number(line.slice(series.length + 1));
    },
  };
}

/** One GET. Paths are not made canonical on the way, as `fetch` would. */
export function ask(
  url: string,
  path: string,
  headers: Readonly<Record<string, string>> = {},
  agent: Agent | false = false,
): Promise<Answer> {
  const { hostname, port } = new URL(url);
  return new Promise((resolve, reject) => {
    const asking = request({ hostname, port, path, headers, agent }, response => {
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (chunk: string) => (text += chunk));
      response.on('error', reject);
      response.on('end', () => {
        const { statusCode: status = 0 } = response;
        resolve({ status, headers: plain(response.headers), text, json: jsonOf(text) });
      });
    });
    asking.on('error', reject);
    asking.end();
  });
}

function plain(headers: NodeJS.Dict<string | string[]>): Answer['headers'] {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, String(value)]));
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

export function idsOf(list: readonly { readonly id: string }[]): readonly string[] {
  return list.map(({ id }) => id);
}
