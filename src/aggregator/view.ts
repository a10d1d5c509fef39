import type { Clock } from '../kernel/clock.ts';
import { type Layout, type ProtectionSettings, type RejectReason } from '../registry/index.ts';
import type { Mirror, MirrorBatch } from '../zookeeper/index.ts';
import { batchQueue } from './batch-queue.ts';
import { topologyOf } from './consumers-state.ts';
import { decodeAhead } from './decode-ahead.ts';
import type {
  LeaveCause,
  ListedProvider,
  ServicesSnapshot,
  TopologySnapshot,
  View,
} from './ports.ts';
import { smaller } from './published-index.ts';
import { mayHaveMissedServices, resumeService, type ServiceResume } from './resume-plan.ts';
import type { ServiceEntry } from './service-entry.ts';
import { serviceState, type Step } from './service-state.ts';
import { serviceTable } from './service-table.ts';
import type { ViewTransition } from './transitions.ts';
import { viewIndexes } from './view-indexes.ts';
import { viewDoubts } from './view-doubts.ts';
import { type Inspection, inspect } from './view-inspection.ts';
import { type Touched, viewIntake } from './view-intake.ts';
import { viewListeners } from './view-listeners.ts';
import { gathering, type Gathering, type Occasion, type ViewNotice } from './view-notice.ts';
import { viewTrust } from './view-trust.ts';

export interface ViewOptions {
  readonly where: Layout;
  /** Over services and overrides, at least. Nothing of it may have been delivered before. */
  readonly mirror: Mirror;
  /** The session's `lastZxid`. */
  readonly lastZxid: () => bigint;
  readonly clock: Clock;
  readonly protection: ProtectionSettings;
  readonly conflictAfterMs: number;
  /** Departures of one service that are remembered for those who resume. */
  readonly maxTombstones: number;
  /** Services that went and are remembered for the same reason. */
  readonly maxGoneServices: number;
  /** How long one slice of work may take. */
  readonly sliceMs: number;
  /** Told of each batch before any of it is applied; says which topics it concerned beside the services. */
  readonly onBegin: (batch: MirrorBatch) => readonly ('derived' | 'members')[] | undefined;
  /**
   * Publishes the index of what is derived, which is none of the services': as far as `mark`, the smallest one of what is still
   * to be read or applied of it. Tells whether it moved.
   */
  readonly publishDerived: (mark: bigint | undefined) => boolean;
  readonly judge: (left: Extract<ViewTransition, { readonly kind: 'left' }>) => LeaveCause;
  readonly onRejected: (reason: RejectReason) => void;
  readonly onError: (error: unknown) => void;
}

/** The view, with what the rest of this room may know of it. */
export interface LiveView extends View {
  /** Steps of the view, in order, in the turn in which they are taken. */
  onNotice(listener: (notice: ViewNotice) => void): () => void;
  /** The ensemble was rebuilt: every zxid that was ever told is void. */
  onRestart(listener: () => void): () => void;
  /** Every service that is known, those included that went not long ago; in no order. */
  knownServices(): Iterable<string>;
  resume(service: string, from: bigint): ServiceResume;
  /** Whether services may have come and gone after `from` that cannot be told of. */
  mayHaveMissedServices(from: bigint): boolean;
  inspect(service: string, id: string): Inspection;
  /** Providers of a service for whose ids younger ones speak; in no order. */
  superseded(service: string): Iterable<ListedProvider>;
  close(): void;
}

const NOBODY: ReadonlySet<string> = new Set();

/** A cold batch is taken in in parts of this size: whoever looks at whole batches gets small ones. */
const COLD_PART = 1_000;

export function openView(options: ViewOptions): LiveView {
  const { where, mirror, clock } = options;
  const told = viewListeners(options.onError);
  const trust = viewTrust(clock, told.states);
  let hasBatch = false;
  let lastWatermark = 0n;
  let toldWatermark = 0n;
  let rebuilding = false;
  /** Which run of `prepare` goes on; the others have ended. */
  let decoding = 0;
  let followed = false;
  let servicesSnapshot: ServicesSnapshot | undefined;
  let topologySnapshot: TopologySnapshot | undefined;

  const table = serviceTable({
    where,
    maxGone: options.maxGoneServices,
    makeState(name) {
      const { protection, conflictAfterMs, maxTombstones, judge } = options;
      const state = serviceState({
        name,
        clock,
        protection,
        conflictAfterMs,
        maxTombstones,
        judge,
        onTimer,
      });
      if (followed && table.floor !== undefined) state.memory.raiseFloor(coldZxid);
      return state;
    },
  });
  let coldZxid = 0n;

  const watermark = (): bigint => queue.mark() ?? mirror.watermark;
  const indexes = viewIndexes({
    where,
    mirror,
    table,
    watermark,
    applyingMark: () => queue.mark(),
  });
  const doubts = viewDoubts({ where, mirror, table });
  const take = viewIntake({ where, table, onRejected: options.onRejected, grows: doubts.grows });

  const nothingTouched = (): Touched => ({
    services: new Set(),
    consumers: false,
    root: false,
    topics: new Set(),
  });
  let touched = nothingTouched();
  let gathered = gathering();

  const occasionOf = (reason: Occasion['reason']): Occasion => ({
    reason,
    atMs: clock.nowMs(),
    atWallMs: clock.wallMs(),
  });
  let step: Step = { occasion: occasionOf('cold'), into: undefined };

  /** Before the first complete view nothing is published, and nobody is told: what is taken in is only kept for then. */
  const isFirstReading = (): boolean => !followed && mirror.state.kind === 'syncing';

  /** Of which of these services something may have been missed; nothing counts that the cold read could not have seen. */
  const unseenOf = (services: Iterable<ServiceEntry>): ViewNotice['unseen'] => {
    const names = new Set<string>();
    for (const { name, state } of services) if (state.memory.takeMissed()) names.add(name);
    const isAnywhere = table.takeMissed();
    if (!followed) return NOBODY;
    return isAnywhere ? 'all' : names;
  };

  /** W moves, and with it whatever index was held below it: who looks at both must not find the one without the other. */
  const advance = ({ services, topics }: Touched): void => {
    if (isFirstReading()) return;
    const now = watermark();
    if (now < lastWatermark) rebuilding = true;
    lastWatermark = now;
    for (const entry of indexes.held) services.add(entry);
    if (options.publishDerived(indexes.derivedMark)) topics.add('derived');
  };

  /** Publishes what was touched, then tells: the followers first, so that the feed is on its way before anything else. */
  const settle = (batch: Pick<MirrorBatch, 'watermarkBefore' | 'eventAtMs'>): void => {
    advance(touched);
    const done = touched;
    touched = nothingTouched();
    if (done.root) {
      for (const entry of table.entries()) if (!entry.present) done.services.add(entry);
    }
    const { transitions, listings, suspects } = gathered;
    gathered = gathering();
    for (const entry of done.services) if (indexes.publish(entry)) done.consumers = true;
    indexes.auditTable();
    const unseen = unseenOf(done.services);
    const isNews =
      unseen === 'all' || transitions.length + listings.length + suspects.size + unseen.size > 0;
    if (isNews) {
      const { watermarkBefore, eventAtMs } = batch;
      const { occasion } = step;
      told.notices.emit({
        occasion,
        watermarkBefore,
        eventAtMs,
        transitions,
        listings,
        suspects,
        unseen,
      });
    }
    tell(done);
  };

  const tell = (done: Touched): void => {
    const changed = [...done.services].filter(({ state }) => state.takeChanged());
    if (indexes.publishServices() || changed.length > 0 || done.root) {
      servicesSnapshot = undefined;
      told.topics.services.emit();
    }
    if (indexes.publishConsumers() || done.consumers) {
      topologySnapshot = undefined;
      told.topics.consumers.emit();
    }
    for (const { name } of changed) told.service(name);
    if (done.root)
      for (const name of told.listened()) if (table.get(name) === undefined) told.service(name);
    for (const topic of done.topics) told.topics[topic].emit();
  };

  const queue = batchQueue({
    clock,
    sliceMs: options.sliceMs,
    begin(batch) {
      for (const topic of options.onBegin(batch) ?? []) touched.topics.add(topic);
      step = {
        occasion: occasionOf(batch.reason),
        into: batch.reason === 'cold' ? undefined : gathered,
      };
    },
    apply: change => take(change, step, touched),
    slice(batch, done) {
      settle(batch);
      if (queue.mark() === undefined) doubts.applied();
      step = { ...step, into: step.into === undefined ? undefined : gathered };
      if (done) moved();
    },
  });

  const onTimer = (apply: (occasion: Occasion, into: Gathering) => void): void => {
    const into = gathering();
    const occasion = occasionOf('timer');
    apply(occasion, into);
    for (const service of into.suspects) {
      const entry = table.get(service);
      if (entry !== undefined) touched.services.add(entry);
    }
    const current = { gathered, step };
    gathered = into;
    step = { occasion, into };
    settle({ watermarkBefore: watermark(), eventAtMs: undefined });
    ({ gathered, step } = current);
  };

  /** The watermark, the pending marks or the mirror's state may have moved. */
  const moved = (): void => {
    doubts.settle();
    if (isFirstReading()) return;
    const done = nothingTouched();
    advance(done);
    for (const entry of done.services) if (indexes.publish(entry)) done.consumers = true;
    tell(done);
    const applied = queue.mark() === undefined && (hasBatch || mirror.size === 0);
    if (mirror.state.kind === 'live' && applied) completed();
    const before = trust.state.kind;
    trust.update(mirror.state, applied);
    if (trust.state.kind === 'live' && before !== 'live') prepare();
    if (lastWatermark === toldWatermark) return;
    toldWatermark = lastWatermark;
    told.topics.watermark.emit();
  };

  /** A first reading leaves records undecoded, and so does a re-read that finds much. */
  const prepare = (): void => {
    decoding += 1;
    const run = decoding;
    const all = [...table.entries()].map(({ state }) => state.listed);
    decodeAhead(all, () => run === decoding).catch(options.onError);
  };

  /** All that the mirror has is applied: what is not here now was gone at the latest by now. */
  const completed = (): void => {
    if (followed && !rebuilding) return;
    const restarted = rebuilding;
    rebuilding = false;
    followed = true;
    if (restarted) indexes.restart();
    coldZxid = options.lastZxid();
    table.raiseFloor(coldZxid);
    for (const { state } of table.entries()) state.memory.raiseFloor(coldZxid);
    if (!restarted) return;
    told.restarts.emit();
    const all = { ...nothingTouched(), services: new Set(table.entries()) };
    if (options.publishDerived(indexes.derivedMark)) all.topics.add('derived');
    tell({ ...all, consumers: true, root: true });
  };

  const undo = [
    mirror.onBatch(batch => {
      hasBatch = true;
      for (const part of partsOf(batch)) queue.push(part);
      doubts.delivered(queue.mark() !== undefined);
    }),
    mirror.onState(() => moved()),
    mirror.onWatermark(() => moved()),
  ];
  moved();

  return {
    get state() {
      return trust.state;
    },
    // Moves only together with the indexes: whoever is below W is told by it that what is published is all there is.
    get watermark() {
      return smaller(watermark(), lastWatermark);
    },
    service: name => table.get(name)?.state.snapshot() ?? table.absent(name, indexes.markOf(name)),
    has: name => table.get(name)?.present === true,
    unreadable: name =>
      doubts.about(name === undefined ? { of: 'services' } : { of: 'providers', service: name }),
    unreadableConsumers: name =>
      name === undefined
        ? doubts.aboutTopology()
        : doubts.about({ of: 'consumers', service: name }),
    services: () => (servicesSnapshot ??= listOf(indexes.services, table.entries())),
    consumers(name) {
      const known = table.get(name)?.consumers.snapshot();
      return known ?? { index: table.absent(name, indexes.markOf(name)).index, consumers: [] };
    },
    topology() {
      topologySnapshot ??= {
        index: indexes.consumers,
        edges: topologyOf(
          [...table.entries()].map(entry => [entry.name, entry.consumers.instances] as const),
        ),
      };
      return topologySnapshot;
    },
    onService: told.onService,
    onTopic: (topic, listener) => told.topics[topic].add(listener),
    onState: told.states.add,
    ready: trust.ready,
    onNotice: told.notices.add,
    onRestart: told.restarts.add,
    knownServices: () => [...table.entries()].map(({ name }) => name),
    resume(name, from) {
      const entry = table.get(name);
      if (entry !== undefined) return resumeService(table, entry, from, watermark());
      return mayHaveMissedServices(table, from, watermark())
        ? { kind: 'snapshot' }
        : { kind: 'nothing' };
    },
    mayHaveMissedServices: from => mayHaveMissedServices(table, from, watermark()),
    inspect: (service, id) => inspect(table.get(service)?.state, id),
    superseded: service => table.get(service)?.state.superseded() ?? [],
    close() {
      decoding += 1;
      for (const step of undo) step();
      queue.close();
      for (const { state } of table.entries()) state.close();
    },
  };
}

function listOf(
  index: bigint,
  entries: Iterable<{
    readonly name: string;
    readonly present: boolean;
    readonly state: { line(): ServicesSnapshot['services'][number] };
  }>,
): ServicesSnapshot {
  const services = [...entries]
    .filter(({ present }) => present)
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .map(({ state }) => state.line());
  return { index, services };
}

function partsOf(batch: MirrorBatch): readonly MirrorBatch[] {
  if (batch.reason !== 'cold' || batch.changes.length <= COLD_PART) return [batch];
  const parts: MirrorBatch[] = [];
  for (let at = 0; at < batch.changes.length; at += COLD_PART) {
    parts.push({ ...batch, changes: batch.changes.slice(at, at + COLD_PART) });
  }
  return parts;
}
