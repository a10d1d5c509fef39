import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import { Registry } from 'prom-client';
import { openAggregator } from '../aggregator/index.ts';
import { readTokens, startServer } from '../http/index.ts';
import { deferred } from '../kernel/abort.ts';
import type { Clock } from '../kernel/clock.ts';
import { isLoopback } from '../kernel/loopback.ts';
import type { Logger } from '../kernel/log.ts';
import type { Random } from '../kernel/random.ts';
import { releasers } from '../kernel/releasers.ts';
import { layout } from '../registry/index.ts';
import { openSession, sessionMetrics } from '../zookeeper/index.ts';
import type { DaemonConfig } from './config.ts';
import { hostPortText } from './host-port.ts';
import { openDemo } from './demo.ts';
import { givenOrFreePort, listenError } from './listen.ts';
import { openZooKeeper } from './open-zookeeper.ts';
import { prepareTree } from './prepare-tree.ts';
import { makeWritableDir } from './writable-dir.ts';

export interface DaemonOptions {
  readonly logger: Logger;
  readonly clock: Clock;
  readonly random: Random;
  /** Of the product, as members and pages show it. */
  readonly version: string;
}

export interface Daemon extends AsyncDisposable {
  readonly url: string;
  /** The connect string of the ZooKeeper in use. */
  readonly zookeeper: string;
  /** Never resolves; rejects when the daemon cannot do its work and should end: the reason is one sentence for people. */
  readonly failed: Promise<never>;
  /** Stops in order (see README), idempotent. */
  close(): Promise<void>;
}

/**
 * Starts the daemon; resolves when HTTP listens, whether or not the ensemble is there. The caller closes it.
 *
 * @throws RollcallError when the configuration does not hold (tokens, certificates), an address cannot be listened on, or the embedded
 * server's data folder cannot be used.
 */
export async function openDaemon(config: DaemonConfig, options: DaemonOptions): Promise<Daemon> {
  const { logger, clock, random, version } = options;
  const { advertise } = config;
  const opened = releasers();
  try {
    const tokens = config.tokens === undefined ? undefined : readTokens(config.tokens);
    const registry = new Registry();
    if (config.historyDir !== undefined) await makeWritableDir('history-dir', config.historyDir);
    const listen = await givenOrFreePort(config.http);
    const zookeeper = await openZooKeeper(config.zookeeper, { clock, logger });
    opened.push(() => zookeeper.close());
    const target = { ...config.session, servers: zookeeper.servers };
    const session = await openSession({
      ...target,
      clock,
      random,
      logger,
      metrics: sessionMetrics(registry),
    });
    opened.push(() => session.close());
    const stopping = new AbortController();
    const where = layout(config.root);
    const failed = failureOf(
      prepareTree({ session, where, clock, random, logger, signal: stopping.signal }),
    );
    opened.push(() => stopping.abort());
    const aggregator = await openAggregator({
      session,
      root: config.root,
      id: `${hostname()}-${randomUUID().slice(0, 8)}`,
      address: hostPortText({
        ...advertise,
        port: advertise.port === 0 ? listen.port : advertise.port,
      }),
      version,
      registry,
      clock,
      random,
      logger,
      protection: config.protection,
      historyDir: config.historyDir,
      metricsServices: config.metricsServices,
      auditEveryMs: config.auditEveryMs,
    });
    opened.push(() => aggregator.close());
    if (config.demo) {
      const demo = openDemo({ ...target, root: config.root, clock, random, logger });
      opened.push(() => demo.close());
    }
    const server = await startServer({
      listen,
      aggregator,
      metrics: { render: () => aggregator.metrics.render(), registry },
      logger,
      clock,
      random,
      version,
      tokens,
      openWrites: config.openWrites,
      tls: config.tls,
    }).catch((error: unknown) => {
      throw listenError(error, config.http);
    });
    opened.push(() =>
      server.shutdown({ lameDuckMs: config.lameDuckMs, graceMs: config.shutdownGraceMs }),
    );
    sayHello(config, logger, { url: server.url, zookeeper: zookeeper.servers, version });
    return {
      url: server.url,
      zookeeper: zookeeper.servers,
      failed,
      close: opened.release,
      [Symbol.asyncDispose]: opened.release,
    };
  } catch (error) {
    await opened.release();
    throw error;
  }
}

/** Rejects when `work` does; its success is nothing that anybody waits for. */
function failureOf(work: Promise<void>): Promise<never> {
  const failed = deferred<never>();
  failed.promise.catch(() => undefined); // the caller listens when it can
  work.catch(failed.reject);
  return failed.promise;
}

interface Hello {
  readonly url: string;
  readonly zookeeper: string;
  readonly version: string;
}

function sayHello(config: DaemonConfig, logger: Logger, { url, zookeeper, version }: Hello): void {
  const { root, dns, http, openWrites, tokens } = config;
  logger.info({ url, zookeeper, root, version }, 'rollcall is serving');
  if (dns === 'asked') logger.warn({}, 'DNS is not served by this release; say --dns off');
  if (dns === 'unsaid') logger.info({}, 'DNS is not served by this release');
  if (tokens !== undefined) return;
  if (openWrites === 'nobody') {
    logger.warn(
      { http: hostPortText(http) },
      'others can reach this address and there are no tokens: reading is open, writing is closed',
    );
  } else if (!isLoopback(http.host)) {
    logger.warn({ http: hostPortText(http) }, 'everybody who can reach this address may write');
  }
}
