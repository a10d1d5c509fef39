import Fastify, { type FastifyInstance, type FastifyRequest } from 'fastify';
import type { Registry } from 'prom-client';
import type { AggregatorPort } from '../aggregator/ports.ts';
import type { Clock } from '../kernel/clock.ts';
import { errorText, RollcallError } from '../kernel/errors.ts';
import type { Logger } from '../kernel/log.ts';
import { type Random, systemRandom } from '../kernel/random.ts';
import { createAccess, type OpenWrites } from './access.ts';
import type { RouteContext } from './context.ts';
import { errorHandling, installErrorHandling } from './errors.ts';
import { httpMetrics } from './http-metrics.ts';
import { longLists } from './long-lists.ts';
import { createLifecycle, type Lifecycle } from './lifecycle.ts';
import { createCatalog } from './operation.ts';
import { createPolls } from './polls.ts';
import { formFault } from './request-form.ts';
import { aggregatorsRoutes } from './routes/aggregators.ts';
import { consumersRoutes } from './routes/consumers.ts';
import { docsRoutes } from './routes/docs.ts';
import { explainRoutes } from './routes/explain.ts';
import { healthRoutes } from './routes/health.ts';
import { historyRoutes } from './routes/history.ts';
import { metricsRoutes } from './routes/metrics.ts';
import { openApiRoutes } from './routes/openapi.ts';
import { overrideRoutes } from './routes/override.ts';
import { overviewRoutes } from './routes/overview.ts';
import { pickRoutes } from './routes/pick.ts';
import { providersRoutes } from './routes/providers.ts';
import { servicesRoutes } from './routes/services.ts';
import { topologyRoutes } from './routes/topology.ts';
import { watchRoutes } from './routes/watch.ts';
import { createStreams, type StreamSettings } from './streams.ts';
import type { TokenTable } from './tokens.ts';
import { answerUnreadable, answerWhatNodeKeeps } from './unreadable.ts';
import { createViewAnswers } from './view-answers.ts';

const KIB = 1024;

export interface AppOptions {
  readonly aggregator: AggregatorPort;
  readonly metrics: {
    /** The whole exposition of `/metrics`. */
    render(): Promise<string | Buffer>;
    /** Where this room registers its own metrics. */
    readonly registry: Registry;
  };
  readonly logger: Logger;
  readonly clock: Clock;
  /** Of the product, as it is shown. */
  readonly version: string;
  /** undefined: everybody may read, and `openWrites` decides about the rest. */
  readonly tokens?: TokenTable | undefined;
  /** Who may write without tokens. Default: nobody. */
  readonly openWrites?: OpenWrites;
  /** Default: one of its own, which drains when the app closes. */
  readonly lifecycle?: Lifecycle;
  readonly random?: Random;
  readonly tls?: { readonly cert: string; readonly key: string } | undefined;
  readonly streams?: StreamSettings;
  readonly limits?: HttpLimits;
}

export interface HttpLimits {
  /** Requests held by `?index=` at one time. Default 10 000. */
  readonly maxHeld?: number;
  /** How long a whole request may take to arrive. Default 30 s. */
  readonly requestTimeoutMs?: number;
  /** How long a connection may stay open between requests. Default 72 s: longer than the usual load balancer's. */
  readonly keepAliveTimeoutMs?: number;
  /** Connections at one time; further ones are refused. Default 50 000. */
  readonly maxConnections?: number;
  /** How long ZooKeeper may take for a write. Default 10 s. */
  readonly writeTimeoutMs?: number;
}

function createFastify(
  { tls, limits = {} }: AppOptions,
  onError: ReturnType<typeof errorHandling>,
): FastifyInstance {
  // `formFault` refuses a request without Host, and in our words.
  const node = { maxHeaderSize: 16 * KIB, requireHostHeader: false } as const;
  const options = {
    logger: false,
    bodyLimit: 1024 * KIB,
    requestTimeout: limits.requestTimeoutMs ?? 30_000,
    keepAliveTimeout: limits.keepAliveTimeoutMs ?? 72_000,
    // Requests that reach a connection while it closes are still answered, with Connection: close.
    return503OnClosing: false,
    routerOptions: { maxParamLength: 512, ignoreTrailingSlash: false },
    clientErrorHandler: answerUnreadable,
    frameworkErrors: onError.answer,
    http: node,
  } as const;
  // The two differ in the type of the server alone, which no route looks at.
  const app =
    tls === undefined
      ? Fastify(options)
      : (Fastify({
          ...options,
          https: { ...tls, ...node },
        }) as unknown as FastifyInstance);
  app.server.maxConnections = limits.maxConnections ?? 50_000;
  answerWhatNodeKeeps(app.server);
  return app;
}

/**
 * Only JSON is taken: fastify would otherwise take text as well. Nothing, called JSON, is nothing: many clients say so of a DELETE.
 * A field named `__proto__` or `constructor` is one like any other to the parser, so that the schemas, which are strict, refuse it by name.
 */
function takeJsonAlone(app: FastifyInstance): void {
  app.removeContentTypeParser('text/plain');
  const parse = app.getDefaultJsonParser('ignore', 'ignore');
  app.addContentTypeParser<string>(
    'application/json',
    { parseAs: 'string' },
    (request, body, done) => {
      if (body === '') done(null, undefined);
      else if (isPacked(request)) done(packed(), undefined);
      else void parse(request, body, done);
    },
  );
}

function isPacked({ headers }: FastifyRequest): boolean {
  const encoding = headers['content-encoding']?.trim().toLowerCase() ?? '';
  return encoding !== '' && encoding !== 'identity';
}

function packed(): RollcallError {
  const text = 'send the body as it is, without Content-Encoding';
  return new RollcallError('UNSUPPORTED_MEDIA_TYPE', text);
}

/**
 * The HTTP face of an aggregator: the routes of the contract, not listening yet. Closing it says goodbye on every stream and
 * answers every held request first.
 */
export function buildApp(options: AppOptions): FastifyInstance {
  const { aggregator, logger, clock, version, limits = {}, random = systemRandom } = options;
  const catalog = createCatalog();
  const errors = errorHandling(logger, catalog);
  const app = createFastify(options, errors);
  const metrics = httpMetrics(options.metrics.registry, clock);
  const polls = createPolls(clock, limits.maxHeld ?? 10_000);
  const streams = createStreams(aggregator.feed, clock, random, options.streams);
  const lifecycle =
    options.lifecycle ??
    createLifecycle(error => logger.error({ error: errorText(error) }, 'draining failed'));
  lifecycle.onDrain(() => {
    polls.close();
    streams.close();
  });

  installErrorHandling(app, errors);
  takeJsonAlone(app);
  // With callbacks: a promise for each request would be felt.
  app.addHook('onRequest', (request, reply, done) => {
    const fault = formFault(request.raw);
    // What else comes on such a connection cannot be told: the body that was held back, or the next request.
    if (fault !== undefined) reply.header('connection', 'close');
    done(fault);
  });
  app.addHook('onResponse', (request, reply, done) => {
    metrics.answered(request, reply);
    done();
  });
  app.addHook('preClose', async () => lifecycle.drain());

  const context: RouteContext = {
    aggregator,
    answers: createViewAnswers(aggregator.view, polls, metrics),
    longLists: longLists(clock),
    streams,
    catalog,
    access: createAccess({ tokens: options.tokens, openWrites: options.openWrites ?? 'nobody' }),
    lifecycle,
    httpMetrics: metrics,
    clock,
    random,
    version,
    writeTimeoutMs: limits.writeTimeoutMs ?? 10_000,
    metrics: {
      render: options.metrics.render,
      contentType: options.metrics.registry.contentType,
    },
  };
  app.register(servicesRoutes, context);
  app.register(providersRoutes, context);
  app.register(pickRoutes, context);
  app.register(overrideRoutes, context);
  app.register(consumersRoutes, context);
  app.register(topologyRoutes, context);
  app.register(watchRoutes, context);
  app.register(explainRoutes, context);
  app.register(historyRoutes, context);
  app.register(aggregatorsRoutes, context);
  app.register(overviewRoutes, context);
  app.register(metricsRoutes, context);
  app.register(healthRoutes, context);
  app.register(openApiRoutes, context);
  app.register(docsRoutes, context);
  return app;
}
