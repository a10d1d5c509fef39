import { abortable, deferred } from '../kernel/abort.ts';
import { systemClock } from '../kernel/clock.ts';
import { errorText, RollcallError } from '../kernel/errors.ts';
import { listeners } from '../kernel/listeners.ts';
import { silentLogger } from '../kernel/log.ts';
import { systemRandom } from '../kernel/random.ts';
import { type Mirror, openMirror, type Session } from '../zookeeper/index.ts';
import { layout } from './layout.ts';
import { picker } from './pick.ts';
import { PROTECTION_DEFAULTS } from './protection.ts';
import { isServiceName } from './record.ts';
import type { ServicePicture } from './service-picture.ts';
import { type Rejected, servicePictures, type ServicePictures } from './service-pictures.ts';
import { type SnapshotFile, snapshotFile } from './snapshot-file.ts';
import type {
  SubscribeOptions,
  Subscription,
  SubscriptionEvent,
  SubscriptionState,
} from './subscription.ts';

/**
 * Subscribes to the providers of one or more services; returns at once. It keeps serving what it knew while ZooKeeper is away, and
 * says so. The caller closes it, before the session.
 *
 * @throws RollcallError INVALID_REQUEST for what is no service name.
 */
export function subscribe(
  session: Session,
  services: string | readonly string[],
  options: SubscribeOptions = {},
): Subscription {
  const names = checkNames(typeof services === 'string' ? [services] : services);
  const { clock = systemClock, random = systemRandom, logger = silentLogger } = options;
  const where = layout(options.root);
  const events = listeners<SubscriptionEvent>(error =>
    logger.error({ error: errorText(error) }, 'a listener of a subscription failed'),
  );
  const told = listeners<Rejected>(error =>
    logger.error({ error: errorText(error) }, 'a listener of rejected znodes failed'),
  );
  if (options.onRejected !== undefined) told.add(options.onRejected);
  const first = deferred<void>();
  first.promise.catch(() => undefined);
  let state: SubscriptionState = { kind: 'syncing' };
  let closing: Promise<void> | undefined;

  const pictures = servicePictures({
    where,
    services: names,
    clock,
    protection: { ...PROTECTION_DEFAULTS, ...options.protection },
    onRejected(rejected) {
      logger.warn(rejected, 'a znode is skipped: it cannot be read');
      told.emit(rejected);
    },
    onSuspects: (service, { suspects }) => events.emit({ type: 'suspects', service, suspects }),
    onDelta(service, delta) {
      if (state.kind === 'live' || state.kind === 'stale') file?.touch();
      if (state.kind !== 'syncing') events.emit({ ...delta, service });
    },
  });
  const pickers = new Map(names.map(service => [service, picker(random)]));

  const file =
    options.snapshotFile === undefined
      ? undefined
      : snapshotFile({
          path: options.snapshotFile,
          root: where.root,
          clock,
          logger,
          listed: () =>
            new Map([...pictures.all].map(([name, { roster }]) => [name, roster.listed])),
        });

  const enter = (next: SubscriptionState): void => {
    const isFirst = state.kind === 'syncing';
    state = next;
    if (isFirst) for (const event of wholeSets(pictures)) events.emit(event);
    events.emit({ type: 'state', state });
    if (state.kind === 'live') file?.touch();
    first.resolve();
  };

  const mirror = openMirror(session, {
    roots: names.flatMap(service => [where.providers(service), `${where.overrides}/${service}`]),
    keepData: false,
    clock,
    random,
    logger,
    ...(options.auditEveryMs === undefined ? {} : { auditEveryMs: options.auditEveryMs }),
  });
  follow(mirror, pictures, kind =>
    enter(kind === 'live' ? { kind } : { kind, sinceWallMs: clock.wallMs() }),
  );
  mirror.ready().catch((error: unknown) => first.reject(error));

  const recall = async (from: SnapshotFile): Promise<void> => {
    const snapshot = await from.load();
    if (snapshot === undefined || mirror.state.kind !== 'syncing' || closing !== undefined) return;
    pictures.recall(snapshot);
    enter({ kind: 'snapshot', savedAtWallMs: snapshot.savedAtWallMs });
  };
  const recalled = file && recall(file);

  const close = async (): Promise<void> => {
    first.reject(new RollcallError('SHUTTING_DOWN', 'the subscription was closed'));
    await recalled;
    await mirror.close();
    pictures.close();
    await file?.close();
  };

  const named = (service: string | undefined): { service: string; picture: ServicePicture } => {
    const name = service ?? (names.length === 1 ? names[0] : undefined);
    const picture = name === undefined ? undefined : pictures.all.get(name);
    if (name === undefined || picture === undefined) throw notSubscribed(service);
    return { service: name, picture };
  };

  return {
    services: names,
    get state() {
      return state;
    },
    providers: service => named(service).picture.roster.providers,
    suspects: service => named(service).picture.suspects,
    pick(wish = {}) {
      const { service, picture } = named(wish.service);
      const pick = pickers.get(service);
      if (pick === undefined || state.kind === 'syncing') {
        throw new RollcallError('VIEW_SYNCING', `nothing is known yet of the service ${service}`);
      }
      const refused = mirror.untrusted.get(where.providers(service));
      if (refused !== undefined) throw refused;
      const { providers } = picture.roster;
      return pick({ service, providers, suspects: picture.suspects }, wish);
    },
    onEvent(listener) {
      const remove = events.add(listener);
      if (state.kind !== 'syncing') for (const event of wholeSets(pictures)) listener(event);
      return remove;
    },
    ready: ({ signal } = {}) => abortable(first.promise, signal),
    close: () => (closing ??= close()),
    [Symbol.asyncDispose]: () => (closing ??= close()),
  };
}

/**
 * A copy that is read anew, at first or after a reconnect, comes in several batches: they take effect together. A provider that moved to
 * another node meanwhile has thus not left in between.
 */
function follow(
  mirror: Mirror,
  pictures: ServicePictures,
  became: (kind: 'live' | 'stale') => void,
): void {
  let isFirst = true;
  mirror.onBatch(batch => {
    pictures.collect(batch);
    if (mirror.state.kind === 'live') pictures.settle();
  });
  mirror.onState(({ kind }) => {
    if (kind === 'syncing') return;
    if (kind === 'live' && isFirst) pictures.complete();
    else if (kind === 'live') pictures.settle();
    isFirst = false;
    became(kind);
  });
}

function wholeSets({ all }: ServicePictures): readonly SubscriptionEvent[] {
  return [...all].flatMap(([service, { roster, suspects }]) => [
    { type: 'set' as const, service, providers: roster.providers },
    ...(suspects.length === 0 ? [] : [{ type: 'suspects' as const, service, suspects }]),
  ]);
}

function checkNames(services: readonly string[]): readonly string[] {
  const wrong = services.find(service => !isServiceName(service));
  if (wrong !== undefined) {
    throw new RollcallError('INVALID_REQUEST', `not a service name: ${JSON.stringify(wrong)}`);
  }
  return [...new Set(services)];
}

function notSubscribed(service: string | undefined): RollcallError {
  const text =
    service === undefined
      ? 'say which of the services is meant'
      : `the service ${JSON.stringify(service)} is not subscribed to`;
  return new RollcallError('INVALID_REQUEST', text);
}
