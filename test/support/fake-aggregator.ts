import type {
  AggregatorPort,
  AggregatorsSnapshot,
  ConsumersSnapshot,
  DerivedSnapshot,
  Explanation,
  FeedBatch,
  FeedOptions,
  HistoryEntry,
  HistoryQuery,
  ListedConsumer,
  ListedProvider,
  Override,
  ServiceCounts,
  ServiceSnapshot,
  ServicesSnapshot,
  SuspectProvider,
  TopologySnapshot,
  View,
  ViewState,
} from '../../src/aggregator/ports.ts';
import type { WaitOptions } from '../../src/kernel/abort.ts';
import type { RollcallError } from '../../src/kernel/errors.ts';
import { listeners } from '../../src/kernel/listeners.ts';
import { makeProvider, type ProviderRecordInput } from '../../src/registry/index.ts';

type Topic = Parameters<View['onTopic']>[0];

export type ProviderSketch = Partial<ProviderRecordInput> & {
  readonly id: string;
  readonly healthy?: boolean;
  readonly override?: Override;
};

/** One subscription of the scripted feed. */
export interface FakeSubscriber {
  readonly options: FeedOptions;
  /** Hands a batch over, as the feed would; the stream's answer. */
  send(batch: FeedBatch): boolean;
  end(reason: 'slow' | 'shutdown'): void;
  readonly drains: number;
  readonly closed: boolean;
}

/** An AggregatorPort that shows what the test tells it to, and nothing else happens. */
export interface FakeAggregator extends AggregatorPort {
  setState(state: ViewState): void;
  /** Sets a service's whole list, at the next zxid unless one is given. */
  setService(name: string, providers: readonly ProviderSketch[], index?: bigint): void;
  setSuspects(name: string, suspects: readonly ProviderSketch[]): void;
  setConsumers(service: string, consumers: readonly string[]): void;
  setWatermark(zxid: bigint): void;
  setDerived(derived: DerivedSnapshot): void;
  setAggregators(aggregators: AggregatorsSnapshot): void;
  setExplanation(explanation: Partial<Explanation>): void;
  addHistory(entry: Partial<HistoryEntry>): void;
  readonly historyQueries: readonly HistoryQuery[];
  readonly overrides: ReadonlyMap<string, Override>;
  /** What the next writes of overrides do instead. */
  onWrite(write: ((options: WaitOptions) => Promise<{ readonly index: bigint }>) | undefined): void;
  readonly subscribers: readonly FakeSubscriber[];
  /** How many listeners the view has: 0 again when nobody waits. */
  readonly listening: number;
  refuseSubscribers(error: RollcallError | undefined): void;
}

const SINCE = '2026-01-01T00:00:00.000Z';

function fail(error: unknown): void {
  throw error;
}

export function listed(service: string, sketch: ProviderSketch, zxid: bigint): ListedProvider {
  const { healthy, override, ...fields } = sketch;
  const record = makeProvider({ v: 1, service, address: '10.0.0.1', port: 8080, ...fields });
  const sequence = String(zxid).padStart(10, '0');
  const znode = `/rollcall/services/${service}/providers/${record.id}-${sequence}`;
  return {
    id: record.id,
    record,
    status: record.status,
    znode,
    czxid: zxid,
    mzxid: zxid,
    sessionId: 0x100000000000001n,
    since: SINCE,
    override,
    healthy,
  };
}

export function suspect(service: string, sketch: ProviderSketch, zxid: bigint): SuspectProvider {
  const heldUntil = '2026-01-01T00:00:30.000Z';
  return {
    ...listed(service, sketch, zxid),
    vanishedAt: SINCE,
    heldUntil,
    reason: '8 of 10 vanished',
  };
}

function countsOf(
  providers: readonly ListedProvider[],
  suspects: readonly SuspectProvider[],
): ServiceCounts {
  const of = (status: string): number =>
    providers.filter(({ record }) => record.status === status).length;
  return {
    total: providers.length,
    up: of('up'),
    starting: of('starting'),
    draining: of('draining'),
    down: of('down'),
    unhealthy: providers.filter(({ healthy }) => healthy === false).length,
    suspects: suspects.length,
  };
}

function snapshotOf(
  name: string,
  index: bigint,
  providers: readonly ListedProvider[],
  suspects: readonly SuspectProvider[],
): ServiceSnapshot {
  const counts = countsOf(providers, suspects);
  return { name, index, counts, providers, suspects, lastChange: SINCE };
}

export function fakeAggregator(): FakeAggregator {
  let state: ViewState = { kind: 'live' };
  let watermark = 100n;
  let derived: DerivedSnapshot = {
    index: 0n,
    overview: undefined,
    service: () => undefined,
    services: [],
  };
  let aggregators: AggregatorsSnapshot = { self: 'a', members: [], master: undefined };
  let explanation: Partial<Explanation> = {};
  let write: ((options: WaitOptions) => Promise<{ readonly index: bigint }>) | undefined;
  let refusal: RollcallError | undefined;
  const services = new Map<string, ServiceSnapshot>();
  const unknown = new Map<string, ServiceSnapshot>();
  const consumers = new Map<string, ConsumersSnapshot>();
  const serviceListeners = new Map<string, ReturnType<typeof listeners<void>>>();
  const topics = new Map<Topic, ReturnType<typeof listeners<void>>>();
  const stateListeners = listeners<ViewState>(fail);
  const history: HistoryEntry[] = [];
  const historyQueries: HistoryQuery[] = [];
  const overrides = new Map<string, Override>();
  const subscribers: FakeSubscriber[] = [];
  let list: ServicesSnapshot = { index: 100n, services: [] };
  let topology: TopologySnapshot = { index: 100n, edges: [] };

  const ofService = (name: string) => {
    const known = serviceListeners.get(name) ?? listeners<void>(fail);
    serviceListeners.set(name, known);
    return known;
  };
  const ofTopic = (topic: Topic) => {
    const known = topics.get(topic) ?? listeners<void>(fail);
    topics.set(topic, known);
    return known;
  };
  const put = (snapshot: ServiceSnapshot): void => {
    if (snapshot.index > watermark) watermark = snapshot.index;
    services.set(snapshot.name, snapshot);
    const items = [...services.values()].toSorted((a, b) => (a.name < b.name ? -1 : 1));
    list = {
      index: watermark,
      services: items.map(({ name, index, counts }) => ({ name, index, counts })),
    };
    ofService(snapshot.name).emit();
    ofTopic('services').emit();
    ofTopic('watermark').emit();
  };
  const service = (name: string): ServiceSnapshot => {
    const empty = unknown.get(name) ?? snapshotOf(name, 50n, [], []);
    unknown.set(name, empty);
    return services.get(name) ?? empty;
  };

  const view: View = {
    get state() {
      return state;
    },
    get watermark() {
      return watermark;
    },
    service,
    has: name => services.has(name),
    unreadable: () => undefined,
    unreadableConsumers: () => undefined,
    services: () => list,
    consumers(name) {
      const known = consumers.get(name) ?? { index: 60n, consumers: [] };
      consumers.set(name, known);
      return known;
    },
    topology: () => topology,
    onService: (name, listener) => ofService(name).add(listener),
    onTopic: (topic, listener) => ofTopic(topic).add(listener),
    onState: listener => stateListeners.add(listener),
    ready: async () => undefined,
  };

  return {
    id: 'a',
    view,
    feed: {
      subscribe(options) {
        if (refusal !== undefined) throw refusal;
        let closed = false;
        let drains = 0;
        subscribers.push({
          options,
          send: options.onBatch,
          end: options.onEnd,
          get drains() {
            return drains;
          },
          get closed() {
            return closed;
          },
        });
        return {
          drained: () => void (drains += 1),
          taking: () => undefined,
          close: () => void (closed = true),
        };
      },
      get subscribers() {
        return subscribers.filter(({ closed }) => !closed).length;
      },
    },
    history: {
      query(query) {
        historyQueries.push(query);
        return history.slice(-query.limit);
      },
    },
    explain: (name, id) => ({
      service: name,
      id,
      listed: false,
      inDefaultList: false,
      reasons: [`nobody has announced ${id}`],
      znodes: [],
      provider: undefined,
      suspect: undefined,
      override: undefined,
      history: [],
      ...explanation,
    }),
    aggregators: () => aggregators,
    derived: () => derived,
    async putOverride(name, id, override, options = {}) {
      if (write !== undefined) return write(options);
      overrides.set(`${name}/${id}`, override);
      watermark += 1n;
      return { index: watermark };
    },
    async deleteOverride(name, id, options = {}) {
      if (write !== undefined) await write(options);
      return overrides.delete(`${name}/${id}`);
    },
    setState(next) {
      state = next;
      stateListeners.emit(next);
    },
    setService(name, sketches, index = watermark + 1n) {
      const providers = sketches
        .map(sketch => listed(name, sketch, index))
        .toSorted((a, b) => (a.id < b.id ? -1 : 1));
      put(snapshotOf(name, index, providers, service(name).suspects));
    },
    setSuspects(name, sketches) {
      const suspects = sketches.map(sketch => suspect(name, sketch, watermark));
      put(snapshotOf(name, watermark + 1n, service(name).providers, suspects));
    },
    setConsumers(name, ids) {
      watermark += 1n;
      const listedConsumers: ListedConsumer[] = ids.map(id => ({
        record: { v: 1, id, service: name, consumer: 'shop', address: '' },
        znode: `/rollcall/services/${name}/consumers/${id}-0000000000`,
        since: SINCE,
      }));
      consumers.set(name, { index: watermark, consumers: listedConsumers });
      topology = {
        index: watermark,
        edges: [{ consumer: 'shop', service: name, instances: ids.length }],
      };
      ofTopic('consumers').emit();
    },
    setWatermark(zxid) {
      watermark = zxid;
      ofTopic('watermark').emit();
    },
    setDerived(next) {
      derived = next;
      ofTopic('derived').emit();
    },
    setAggregators: next => void (aggregators = next),
    setExplanation: next => void (explanation = next),
    addHistory(entry) {
      history.push({
        seq: history.length + 1,
        at: SINCE,
        service: 'orders',
        id: 'o-1',
        event: 'joined',
        cause: undefined,
        zxid: watermark,
        znode: undefined,
        detail: 'it announced itself',
        ...entry,
      });
    },
    historyQueries,
    overrides,
    onWrite: next => void (write = next),
    subscribers,
    get listening() {
      const all = [...serviceListeners.values(), ...topics.values()];
      return all.reduce((sum, { size }) => sum + size, 0);
    },
    refuseSubscribers: error => void (refusal = error),
  };
}
