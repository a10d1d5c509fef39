import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  GONE,
  NODE,
  type Note,
  type Pending,
  pending,
} from '../../src/zookeeper/mirror-pending.ts';
import { watermark, type Watermark } from '../../src/zookeeper/mirror-watermark.ts';

/**
 * A model of one connection: the server's changes make events and answers in ZooKeeper's order (an event before any answer whose
 * header has reached its zxid), the client notes, reads and applies. After every step W may claim only what was delivered.
 */
type Step =
  | { readonly kind: 'write'; readonly path: string; readonly remove: boolean }
  /** The client looks at the oldest thing that the server has sent. */
  | { readonly kind: 'receive' }
  /** The client sends a read for the oldest noted path. */
  | { readonly kind: 'read' }
  | { readonly kind: 'ping' }
  /** The server makes the answer to the oldest request. `lag`: its header is behind what it has seen. */
  | { readonly kind: 'serve'; readonly lag: boolean }
  /** The server sends the answer it has made; events may have been sent since it was made. */
  | { readonly kind: 'send' }
  | { readonly kind: 'drop' };

type Sent =
  | {
      readonly kind: 'event';
      readonly path: string;
      readonly deleted: boolean;
      readonly zxid: bigint | undefined;
    }
  /** `seen`: per path, the newest change that the read saw. `header` may lag behind it; it is never ahead of the events that were sent. */
  | Answer;

interface Answer {
  readonly kind: 'answer';
  readonly header: bigint;
  readonly note: Note | undefined;
  readonly seen: ReadonlyMap<string, bigint>;
}

const paths = ['/r/a/1', '/r/a/2', '/r/b/1'];
const path = fc.constantFrom(...paths);
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({ kind: fc.constant('write' as const), path, remove: fc.boolean() }),
  },
  { weight: 6, arbitrary: fc.constant({ kind: 'receive' } as const) },
  { weight: 4, arbitrary: fc.constant({ kind: 'read' } as const) },
  { weight: 2, arbitrary: fc.constant({ kind: 'ping' } as const) },
  { weight: 6, arbitrary: fc.record({ kind: fc.constant('serve' as const), lag: fc.boolean() }) },
  { weight: 6, arbitrary: fc.constant({ kind: 'send' } as const) },
  { weight: 1, arbitrary: fc.constant({ kind: 'drop' } as const) },
);
const history = fc.record({
  steps: fc.array(step, { maxLength: 80, size: 'max' }),
  eventsCarryZxids: fc.boolean(),
});

interface Parts {
  readonly mark: Watermark;
  readonly pending: Pending;
}
type MakeParts = (lastZxid: () => bigint) => Parts;

const honest: MakeParts = lastZxid => {
  const mark = watermark({ roots: ['/r'], lastZxid });
  return { mark, pending: pending(mark) };
};

/** Plays a history; throws when W, or the published index of a part of the tree, claims a change that was not delivered. */
function play(
  make: MakeParts,
  { steps, eventsCarryZxids }: { steps: readonly Step[]; eventsCarryZxids: boolean },
): void {
  let zxid = 0n;
  let lastZxid = 0n;
  const { mark, pending: noted } = make(() => lastZxid);
  const newest = new Map<string, bigint>();
  const changes: { readonly path: string; readonly zxid: bigint }[] = [];
  const delivered = new Map<string, bigint>();
  let requests: (Note | undefined)[] = [];
  let made: Answer[] = [];
  let wire: Sent[] = [];
  let before = 0n;

  const check = (): void => {
    const w = mark.value();
    if (w < before) throw new Error(`W went back from ${before} to ${w}`);
    before = w;
    for (const prefix of ['/', '/r', '/r/a', '/r/b', '/r/a/1']) {
      const claim = mark.pendingMark(prefix) ?? lastZxid;
      for (const change of changes) {
        const below =
          prefix === '/' || change.path === prefix || change.path.startsWith(`${prefix}/`);
        const known = (delivered.get(change.path) ?? 0n) >= change.zxid;
        if (below && !known && change.zxid <= claim)
          throw new Error(`${prefix} claims ${claim}, ${change.path} at ${change.zxid} is missing`);
        if (!known && change.zxid <= w)
          throw new Error(`W is ${w}, ${change.path} at ${change.zxid} is missing`);
      }
    }
  };
  const deliver = (at: string, seen: bigint): void => {
    if (seen > (delivered.get(at) ?? 0n)) delivered.set(at, seen);
  };
  const serve = (lag: boolean): void => {
    if (requests.length === 0) return;
    made.push({
      kind: 'answer',
      header: lag && zxid > 0n ? zxid - 1n : zxid,
      note: requests.shift(),
      seen: new Map(newest),
    });
  };
  const send = (): void => {
    const answer = made.shift();
    if (answer !== undefined) wire.push(answer);
  };
  const receive = (sent: Sent | undefined): void => {
    if (sent === undefined) return;
    if (sent.kind === 'event') {
      const event = {
        type: sent.deleted ? 'deleted' : 'data-changed',
        path: sent.path,
        zxid: sent.zxid,
      } as const;
      noted.note({
        path: sent.path,
        need: sent.deleted ? GONE : NODE,
        mark: mark.markOf(event),
        eventAtMs: 0,
        reason: 'watch',
        dataChanged: !sent.deleted,
      });
      return;
    }
    if (sent.header > lastZxid) lastZxid = sent.header;
    if (sent.note === undefined) return;
    const at = sent.note.path;
    if (sent.note.need.node && noted.arrived(at)?.gone === true) return noted.putBack(sent.note);
    deliver(at, sent.seen.get(at) ?? 0n);
    noted.finish(sent.note);
  };

  mark.thaw();
  for (const one of steps) {
    if (one.kind === 'write') {
      zxid += 1n;
      newest.set(one.path, zxid);
      changes.push({ path: one.path, zxid });
      wire.push({
        kind: 'event',
        path: one.path,
        deleted: one.remove,
        zxid: eventsCarryZxids ? zxid : undefined,
      });
    } else if (one.kind === 'receive') receive(wire.shift());
    else if (one.kind === 'ping') requests.push(undefined);
    else if (one.kind === 'serve') serve(one.lag);
    else if (one.kind === 'send') send();
    else if (one.kind === 'read') {
      const note = noted.take();
      if (note !== undefined) requests.push(note);
    } else {
      // What was on its way is lost; then everything is read again, one half first, with answers in between.
      mark.freeze();
      const lost = [
        ...wire.flatMap(sent => (sent.kind === 'answer' ? sent.note : [])),
        ...made.map(({ note }) => note),
        ...requests,
      ];
      for (const note of lost) if (note !== undefined) noted.putBack(note);
      [requests, made, wire] = [[], [], []];
      check();
      lastZxid = zxid;
      deliver('/r/a/1', newest.get('/r/a/1') ?? 0n);
      check();
      for (const at of paths) deliver(at, newest.get(at) ?? 0n);
      mark.thaw();
    }
    check();
  }
}

const property = (make: MakeParts) => fc.property(history, one => play(make, one));

test('W and the marks of a part of the tree never claim a change that was not delivered', () => {
  fc.assert(property(honest), { numRuns: 5000 });
});

/** Variants that look right: each must be caught. */
const wrong: Readonly<Record<string, MakeParts>> = {
  'W taken from the newest answer alone': lastZxid => ({
    ...honest(lastZxid),
    mark: { ...honest(lastZxid).mark, value: lastZxid },
  }),
  'W moved on before the re-read is complete': lastZxid => {
    const { mark } = honest(lastZxid);
    const early = { ...mark, freeze: () => undefined };
    return { mark: early, pending: pending(early) };
  },
  'the mark taken when the answer comes, not when the event came': lastZxid => {
    const { mark } = honest(lastZxid);
    const held = new Map<string, number>();
    const late: Watermark = {
      ...mark,
      pendingMark: prefix => (mark.pendingMark(prefix) === undefined ? undefined : lastZxid()),
    };
    const value = (): bigint => (held.size === 0 ? lastZxid() : mark.value());
    return { mark: { ...late, value }, pending: pending(mark) };
  },
  'a later event takes the place of the older mark': lastZxid => {
    const { mark } = honest(lastZxid);
    const now = new Map<string, bigint>();
    const newestOnly: Pick<Watermark, 'add' | 'remove'> = {
      add(at, zxid) {
        const old = now.get(at);
        if (old !== undefined) mark.remove(at, old);
        now.set(at, old === undefined || zxid > old ? zxid : old);
        mark.add(at, now.get(at) ?? zxid);
      },
      remove(at) {
        const old = now.get(at);
        if (old !== undefined) mark.remove(at, old);
        now.delete(at);
      },
    };
    return { mark, pending: pending(newestOnly) };
  },
  'the mark is forgotten with the first answer, whatever came in meanwhile': lastZxid => {
    const { mark, pending: noted } = honest(lastZxid);
    const forgetful: Pending = {
      ...noted,
      note: note => (noted.has(note.path) ? undefined : noted.note(note)),
    };
    return { mark, pending: forgetful };
  },
  'the zxid of an event taken as its mark': lastZxid => {
    const { mark } = honest(lastZxid);
    const inclusive: Watermark = { ...mark, markOf: event => event.zxid ?? lastZxid() };
    return { mark: inclusive, pending: pending(inclusive) };
  },
};

for (const [name, make] of Object.entries(wrong)) {
  test(`the model catches: ${name}`, () => {
    expect(fc.check(property(make), { numRuns: 5000 }).failed).toBe(true);
  });
}
