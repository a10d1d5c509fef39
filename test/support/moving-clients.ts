import type { Feed, FeedBatch, FeedSubscription, View } from '../../src/aggregator/ports.ts';
import type { PollDecision, PollFacts } from '../../src/http/poll-decision.ts';
import { hasCode } from '../../src/kernel/errors.ts';
import { type Known, knownOf, type ModelTruth } from './model-truth.ts';

export type Decide = (facts: PollFacts) => PollDecision;

/** A client that polls one service, or the list of all, at whichever replica. */
export interface PollClient {
  /** Asks; takes the answer when there is one. `lapsed`: its wait has ended. Returns whether it was answered. */
  ask(view: View, lapsed: boolean): boolean;
  /** What it has, checked against the whole history. */
  check(index?: bigint): void;
}

const textOf = (known: ReadonlyMap<string, Known>): string =>
  JSON.stringify(
    [...known].map(([id, each]) => [id, each.znode, String(each.mzxid), each.override]),
  );

export interface PollClientOptions {
  readonly service: string | undefined;
  readonly conditional: boolean;
  readonly decide: Decide;
  readonly truth: ModelTruth;
}

export function pollClient({ service, conditional, decide, truth }: PollClientOptions): PollClient {
  let index: bigint | undefined;
  let etag: string | undefined;
  let list: ReadonlyMap<string, Known> = new Map();
  let names: ReadonlySet<string> = new Set();
  const who =
    service === undefined
      ? 'the poll of the list'
      : `the poll of ${service}${conditional ? ' with an ETag' : ''}`;

  const check = (at = index ?? 0n): void => {
    if (service === undefined) truth.expectPresence(names, at, who);
    else truth.expectFresh(new Map([[service, list]]), [service], at, who);
  };

  const read = (view: View) => {
    if (service === undefined) {
      const snapshot = view.services();
      const found = new Set(snapshot.services.map(({ name }) => name));
      return { index: snapshot.index, body: [...found].join(), take: () => void (names = found) };
    }
    const snapshot = view.service(service);
    const found = new Map(snapshot.providers.map(provider => [provider.id, knownOf(provider)]));
    return { index: snapshot.index, body: textOf(found), take: () => void (list = found) };
  };

  return {
    check,
    ask(view, lapsed) {
      if (view.state.kind === 'syncing') return false;
      const { index: published, body, take } = read(view);
      const decision = decide({
        requested: index,
        published,
        etagMatches: conditional && etag !== undefined ? etag === body : undefined,
        waitLeftMs: lapsed ? 0 : 1,
      });
      if (decision === 'wait') return false;
      // An older state is only taken when the answer says that it is one.
      if (decision === 'answer-reset') index = undefined;
      else if (index !== undefined && published < index)
        throw new Error(`${who} was given ${published} after ${index}`);
      take();
      const told = index !== undefined && index > published ? index : published;
      index = published;
      etag = body;
      check(told);
      return true;
    },
  };
}

/** A client of the feed that moves from replica to replica. */
export interface StreamClient {
  /** Leaves where it is, and resumes there. */
  move(feed: Feed, view: View): void;
  /** Stops, or begins, to take batches. */
  toggle(): void;
  takeAll(): void;
  check(index?: bigint): void;
  close(): void;
  readonly isSubscribed: boolean;
}

export interface StreamClientOptions {
  readonly services: readonly string[] | undefined;
  readonly all: readonly string[];
  readonly truth: ModelTruth;
  /** Where it says it was. */
  readonly resumeFrom?: ((id: bigint, view: View) => bigint) | undefined;
}

export function streamClient(options: StreamClientOptions): StreamClient {
  const { services, all, truth } = options;
  const copy = new Map<string, Map<string, Known>>();
  let subscription: FeedSubscription | undefined;
  let id: bigint | undefined;
  /** The highest id since the last reset: nothing older may be told without one. */
  let told = 0n;
  let takes = true;
  let failure: Error | undefined;
  const who = services === undefined ? 'the stream of all' : `the stream of ${services.join()}`;

  const listOf = (service: string): Map<string, Known> => {
    const known = copy.get(service) ?? new Map<string, Known>();
    copy.set(service, known);
    return known;
  };

  const check = (at = told): void => {
    if (failure !== undefined) throw failure;
    if (at > 0n) truth.expectFresh(copy, services ?? all, at, who);
  };

  const onBatch = (batch: FeedBatch): boolean => {
    for (const event of batch.events) {
      if (event.type === 'reset') copy.clear();
      if (event.type === 'snapshot')
        copy.set(event.service, new Map(event.providers.map(each => [each.id, knownOf(each)])));
      if (event.type === 'joined' || event.type === 'changed')
        listOf(event.service).set(event.provider.id, knownOf(event.provider));
      if (event.type === 'left') listOf(event.service).delete(event.id);
    }
    id = batch.id;
    const isReset = batch.events.some(({ type }) => type === 'reset');
    if (isReset || id > told) told = id;
    try {
      check();
    } catch (error) {
      failure ??= error instanceof Error ? error : new Error(String(error)); // thrown at the next step, out of the feed's reach
    }
    return takes;
  };

  return {
    move(feed, view) {
      check();
      subscription?.close();
      subscription = undefined;
      try {
        const from = id === undefined ? undefined : (options.resumeFrom?.(id, view) ?? id);
        subscription = feed.subscribe({
          services,
          resumeFrom: from,
          onBatch,
          onEnd: () => (subscription = undefined),
        });
      } catch (error) {
        if (!hasCode(error, 'VIEW_SYNCING', 'SHUTTING_DOWN')) throw error;
      }
    },
    toggle() {
      takes = !takes;
      if (takes) subscription?.drained();
    },
    takeAll() {
      takes = true;
      subscription?.drained();
    },
    check,
    close: () => subscription?.close(),
    get isSubscribed() {
      return subscription !== undefined;
    },
  };
}
