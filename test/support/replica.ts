import { randomUUID } from 'node:crypto';
import { onTestFinished } from 'vitest';
import { causes, mayBeGone } from '../../src/aggregator/causes.ts';
import { chronicle } from '../../src/aggregator/chronicle.ts';
import { derivedReader } from '../../src/aggregator/derived.ts';
import type { WriteResult } from '../../src/aggregator/derived-writer.ts';
import { historyRing } from '../../src/aggregator/history.ts';
import { type Master, openMaster } from '../../src/aggregator/master.ts';
import { memberDirectory } from '../../src/aggregator/member-directory.ts';
import { openMembership } from '../../src/aggregator/membership.ts';
import type {
  AggregatorsSnapshot,
  DerivedSnapshot,
  History,
  LeaveCause,
  View,
} from '../../src/aggregator/ports.ts';
import { openView } from '../../src/aggregator/view.ts';
import { systemClock } from '../../src/kernel/clock.ts';
import { silentLogger } from '../../src/kernel/log.ts';
import { systemRandom } from '../../src/kernel/random.ts';
import { layout, PROTECTION_DEFAULTS } from '../../src/registry/index.ts';
import { openMirror, type Session } from '../../src/zookeeper/index.ts';

/** The parts of an aggregator that judge, remember and derive, on a live view. */
export interface Replica {
  readonly view: View;
  readonly history: History;
  readonly master: Master;
  derived(): DerivedSnapshot;
  aggregators(): AggregatorsSnapshot;
  /** The causes of the leaves, as they were told when they happened. */
  readonly told: readonly { readonly id: string; readonly cause: LeaveCause | undefined }[];
  readonly writes: readonly WriteResult[];
}

export interface ReplicaOptions {
  readonly id: string;
  /** Between two rounds of writes. */
  readonly everyMs?: number;
  readonly growBytes?: number;
}

/** Closed by the end of the test, before the session. */
export async function testReplica(session: Session, options: ReplicaOptions): Promise<Replica> {
  const where = layout();
  const [clock, random, newId, logger] = [systemClock, systemRandom, randomUUID, silentLogger];
  const roots = [where.services, where.overrides, where.derived, where.members, where.election];
  const mirror = openMirror(session, { roots, auditEveryMs: 0 });
  const judge = causes(mayBeGone(mirror));
  const history = historyRing();
  const chronicler = chronicle(judge, history);
  const derived = derivedReader(where);
  const members = memberDirectory(where, options.id);
  mirror.onBatch(batch => {
    chronicler.apply(batch);
    derived.apply(batch);
    members.apply(batch);
  });
  const fail = (error: unknown): void => {
    throw error;
  };
  const view = openView({
    where,
    mirror,
    clock,
    lastZxid: () => session.lastZxid,
    protection: PROTECTION_DEFAULTS,
    conflictAfterMs: 60_000,
    maxTombstones: 1_000,
    maxGoneServices: 1_000,
    sliceMs: 10,
    onBegin: () => undefined,
    judge: left => judge.judge(left).cause,
    onRejected: () => undefined,
    onError: fail,
  });
  const writes: WriteResult[] = [];
  const { everyMs = 20, id, growBytes } = options;
  const tuned = growBytes === undefined ? {} : { growBytes };
  const master = openMaster({
    session,
    where,
    view,
    derived: derived.snapshot,
    id,
    clock,
    random,
    newId,
    logger,
    onWrite: result => writes.push(result),
    everyMs,
    ...tuned,
  });
  const told: { readonly id: string; readonly cause: LeaveCause | undefined }[] = [];
  view.onNotice(({ transitions }) => {
    master.note(transitions);
    for (const transition of transitions) {
      const cause = chronicler.note(transition);
      if (transition.kind === 'left') told.push({ id: transition.id, cause });
    }
  });
  const address = `${id}:7070`;
  const own = { session, where, id, address, version: '1.0.0', clock, random, newId, logger };
  const membership = openMembership({ ...own, view: view.state.kind });
  view.onState(state => membership.report(state.kind));
  onTestFinished(async () => {
    await master.close();
    await membership.close();
    view.close();
    await mirror.close();
  });
  await view.ready();
  return {
    view,
    history,
    master,
    derived: derived.snapshot,
    aggregators: () => members.snapshot(view.state.kind),
    told,
    writes,
  };
}
