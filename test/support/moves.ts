import { setImmediate as nextTurn } from 'node:timers/promises';
import { expect } from 'vitest';
import { openFeed, type OpenFeed } from '../../src/aggregator/feed.ts';
import type { View } from '../../src/aggregator/ports.ts';
import { type LiveView, openView } from '../../src/aggregator/view.ts';
import { decidePoll } from '../../src/http/poll-decision.ts';
import { layout, PROTECTION_DEFAULTS } from '../../src/registry/index.ts';
import { type ManualClock, manualClock } from '../../src/testing/index.ts';
import type { Mirror } from '../../src/zookeeper/index.ts';
import { openMirrorWith } from '../../src/zookeeper/mirror.ts';
import { watermark } from '../../src/zookeeper/mirror-watermark.ts';
import { modelTruth } from './model-truth.ts';
import {
  type ModelSession,
  modelSession,
  modelZooKeeper,
  type ModelZooKeeper,
} from './model-zookeeper.ts';
import { type Decide, pollClient, streamClient } from './moving-clients.ts';

const where = layout();
export const services: readonly string[] = ['s', 't'];
export const ids: readonly string[] = ['x', 'y'];
export const nodes: readonly string[] = ['n0', 'n1', 'n2'];

export type WriteStep =
  | { readonly kind: 'put'; readonly service: string; readonly node: string; readonly id: string }
  | { readonly kind: 'remove'; readonly service: string; readonly node: string }
  | { readonly kind: 'override' | 'clear'; readonly service: string; readonly id: string }
  | { readonly kind: 'raze'; readonly service: string };

/** What happens on the way between one replica and its server. `settle`: until nothing is left to be told. */
export interface WireStep {
  readonly kind: 'apply' | 'serve' | 'receive' | 'ping' | 'drop' | 'attach' | 'restart' | 'settle';
  readonly replica: number;
  readonly times: number;
}

export type ClientStep =
  | { readonly kind: 'time'; readonly ms: number }
  | {
      readonly kind: 'poll';
      readonly client: number;
      readonly replica: number;
      readonly lapsed: boolean;
    }
  | { readonly kind: 'move'; readonly client: number; readonly replica: number }
  | { readonly kind: 'toggle'; readonly client: number };

export type Step =
  | { readonly on: 'tree'; readonly step: WriteStep }
  | { readonly on: 'wire'; readonly step: WireStep }
  | { readonly on: 'client'; readonly step: ClientStep };

export interface MovesHistory {
  readonly steps: readonly Step[];
  readonly eventsCarryZxids: boolean;
  readonly coalesceMs: number;
  readonly replayEvents: number;
  readonly maxTombstones: number;
}

/** What a naive build would do otherwise. */
export interface Variant {
  readonly makeWatermark?: typeof watermark;
  readonly mirror?: (mirror: Mirror) => Mirror;
  readonly decide?: Decide;
  readonly resumeFrom?: (id: bigint, view: View) => bigint;
  readonly floor?: bigint;
  readonly viewOfFeed?: (view: LiveView) => LiveView;
}

interface Replica {
  readonly wire: ModelSession;
  readonly view: LiveView;
  readonly feed: OpenFeed;
  close(): Promise<void>;
}

function openReplica(
  zookeeper: ModelZooKeeper,
  clock: ManualClock,
  history: MovesHistory,
  variant: Variant,
  applied: number,
): Replica {
  const { eventsCarryZxids, maxTombstones } = history;
  const wire = modelSession(zookeeper, { eventsCarryZxids, applied });
  const settings = {
    roots: [where.services, where.overrides],
    auditEveryMs: 0,
    keepData: false,
    clock,
  };
  const mirror = openMirrorWith(wire.session, settings, variant.makeWatermark ?? watermark);
  const onError = (error: unknown): void => {
    throw error;
  };
  const view = openView({
    where,
    mirror: variant.mirror?.(mirror) ?? mirror,
    lastZxid: () => variant.floor ?? wire.session.lastZxid,
    clock,
    protection: { ...PROTECTION_DEFAULTS, enabled: false },
    conflictAfterMs: 60_000,
    maxTombstones,
    maxGoneServices: 1,
    sliceMs: 8,
    onBegin: () => undefined,
    publishDerived: () => false,
    judge: () => 'vanished',
    onRejected: () => undefined,
    onError,
  });
  const feed = openFeed({
    coalesceMs: history.coalesceMs,
    replayEvents: history.replayEvents,
    view: variant.viewOfFeed?.(view) ?? view,
    clock,
    onReset: () => undefined,
    onPropagated: () => undefined,
    onError,
  });
  wire.attach();
  return {
    wire,
    view,
    feed,
    async close() {
      feed.close();
      view.close();
      await mirror.close();
    },
  };
}

/** Lets promises and the next turns run. */
async function flush(): Promise<void> {
  for (let turn = 0; turn < 3; turn += 1) await nextTurn();
}

/** Until its server has nothing more to tell, nor it to ask. */
async function exhaust(one: Replica): Promise<void> {
  one.wire.attach();
  for (let quiet = 0; quiet < 3; quiet += 1) {
    while (one.wire.apply() || one.wire.serve() || one.wire.receive()) {
      quiet = 0;
      await flush();
    }
    await flush();
  }
  one.wire.ping();
  one.wire.serve();
  one.wire.receive();
  await flush();
}

interface World {
  readonly zookeeper: ModelZooKeeper;
  readonly clock: ManualClock;
  readonly history: MovesHistory;
  readonly variant: Variant;
  readonly replicas: Replica[];
}

const replicaOf = ({ replicas }: World, index: number): Replica => {
  const found = replicas[index];
  if (found === undefined) throw new Error('no such replica');
  return found;
};

function write(zookeeper: ModelZooKeeper, step: WriteStep, serial: number): void {
  switch (step.kind) {
    case 'put': {
      const path = `${where.providers(step.service)}/${step.node}`;
      // A name stays with its id, as sequential names do.
      const last = zookeeper.writes.findLast(each => each.path === path && each.data)?.data;
      const id = last === undefined ? step.id : (JSON.parse(last) as { readonly id: string }).id;
      const record = { v: 1, id, service: step.service, address: 'a', port: serial };
      return zookeeper.put(path, JSON.stringify(record));
    }
    case 'remove':
      return zookeeper.remove(`${where.providers(step.service)}/${step.node}`);
    case 'override':
      return zookeeper.put(
        where.override(step.service, step.id),
        JSON.stringify({ by: String(serial) }),
      );
    case 'clear':
      return zookeeper.remove(where.override(step.service, step.id));
    case 'raze':
      return zookeeper.remove(where.service(step.service));
    default:
      return step satisfies never;
  }
}

async function moveWire(world: World, { kind, replica, times }: WireStep): Promise<void> {
  const one = replicaOf(world, replica);
  if (kind === 'restart') {
    const { zookeeper, clock, history, variant } = world;
    await one.close();
    world.replicas[replica] = openReplica(
      zookeeper,
      clock,
      history,
      variant,
      zookeeper.writes.length,
    );
    return;
  }
  for (let time = 0; time < times; time += 1) {
    if (kind === 'settle') await exhaust(one);
    else one.wire[kind]();
    if (kind === 'receive') await flush();
  }
}

type Polls = readonly ReturnType<typeof pollClient>[];
type Streams = readonly ReturnType<typeof streamClient>[];

async function moveClient(
  world: World,
  polls: Polls,
  streams: Streams,
  step: ClientStep,
): Promise<void> {
  switch (step.kind) {
    case 'time':
      return world.clock.advance(step.ms);
    case 'poll':
      polls[step.client % polls.length]?.ask(replicaOf(world, step.replica).view, step.lapsed);
      return undefined;
    case 'move': {
      const { feed, view } = replicaOf(world, step.replica);
      return streams[step.client % streams.length]?.move(feed, view);
    }
    case 'toggle':
      return streams[step.client % streams.length]?.toggle();
    default:
      return step satisfies never;
  }
}

/** Everything comes to rest: everybody has the truth, wherever they ask once more. */
async function finish(world: World, polls: Polls, streams: Streams): Promise<void> {
  const { replicas, clock, zookeeper } = world;
  const rest = async (): Promise<void> => {
    await clock.advance(2_000);
    await flush();
  };
  for (const one of replicas) await exhaust(one);
  for (const stream of streams) stream.takeAll();
  await rest();
  const end = zookeeper.zxid;
  for (const { view, feed } of replicas) {
    expect([view.state.kind, view.watermark]).toEqual(['live', end]);
    for (const poll of polls) {
      while (poll.ask(view, false));
      poll.check(end);
    }
    for (const stream of streams) if (stream.isSubscribed) stream.check(end);
    for (const stream of streams) stream.move(feed, view);
    await rest();
    for (const stream of streams) stream.check(end);
  }
  const [first, second] = replicas.map(({ view }) =>
    services.map(each => view.service(each).index),
  );
  expect(first).toEqual(second);
}

/**
 * Two replicas behind one client: each has the real mirror, view and feed, on a model of its own connection to its own server, which
 * applies the one history in its own time. Clients poll and stream, and move between them. Whatever happens, somebody who was told
 * N has every change ≤ N, and in the end everybody has the truth.
 */
export async function playMoves(history: MovesHistory, variant: Variant): Promise<void> {
  const zookeeper = modelZooKeeper();
  const clock = manualClock();
  const truth = modelTruth(zookeeper, services, ids);
  for (const path of [where.services, where.overrides]) zookeeper.put(path, '');
  const replicas = [0, 1].map(() => openReplica(zookeeper, clock, history, variant, 2));
  const world = { zookeeper, clock, history, variant, replicas };
  const decide = variant.decide ?? decidePoll;
  const polls = [...services, undefined].flatMap(service =>
    [true, false].map(conditional => pollClient({ service, conditional, decide, truth })),
  );
  const { resumeFrom } = variant;
  const streams = [undefined, undefined, ['s'], ['t']].map(of =>
    streamClient({ services: of, all: services, truth, resumeFrom }),
  );
  try {
    for (const [serial, { on, step }] of history.steps.entries()) {
      if (on === 'tree') write(zookeeper, step, serial + 1);
      else if (on === 'wire') await moveWire(world, step);
      else await moveClient(world, polls, streams, step);
      await flush();
      for (const stream of streams) stream.check();
    }
    await finish(world, polls, streams);
  } finally {
    for (const stream of streams) stream.close();
    for (const one of replicas) await one.close();
  }
}
