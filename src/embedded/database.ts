import { applyChange, type Change, type Undo } from './change.ts';
import {
  type Caller,
  decideClose,
  decideReaping,
  decideWrite,
  type WriteRequest,
} from './decide.ts';
import { type Stat, statOf } from './encode.ts';
import { ERROR, type ErrorCode } from './error-code.ts';
import type { Journal } from './journal.ts';
import type { Tree } from './tree.ts';
import { type Watches, watches } from './watches.ts';

/** What became of one write. */
export type Outcome =
  | { readonly error: typeof ERROR.ok; readonly path: string; readonly stat: Stat | undefined }
  | { readonly error: Exclude<ErrorCode, typeof ERROR.ok> };

/**
 * The tree, its watches and its zxid. Every write takes a zxid, also one that is refused; it goes to the journal, is applied,
 * and its watches have been told when the call returns.
 */
export interface Database {
  readonly tree: Tree;
  readonly watches: Watches;
  /** Of the last write. */
  readonly zxid: number;
  write(request: WriteRequest, caller: Caller): Outcome;
  /** All or nothing, at one zxid. When it fails: 0 before the step that failed, -2 after it. */
  writeAll(requests: readonly WriteRequest[], caller: Caller): readonly Outcome[];
  /** A request that did not even parse takes a zxid all the same. */
  burn(): void;
  /** Its id is the zxid at which it is opened: no other has it, before or after. */
  openSession(timeoutMs: number): bigint;
  /** Ends a session, and its ephemeral nodes with it. */
  closeSession(sessionId: bigint): void;
  /** Deletes the containers and TTL nodes that have had their time; how many. */
  reap(): number;
}

export interface DatabaseOptions {
  readonly tree: Tree;
  /** Of the last write there was. */
  readonly zxid: number;
  readonly journal: Journal;
  readonly wallMs: () => number;
}

const NO_CHANGES: readonly Change[] = [];

export function database({ tree, zxid: lastZxid, journal, wallMs }: DatabaseOptions): Database {
  const watched = watches();
  let zxid = lastZxid;

  const tell = (change: Change): void => {
    if (change.kind === 'create') watched.created(change.path);
    else if (change.kind === 'delete') watched.deleted(change.path);
    else if (change.kind === 'set-data') watched.dataChanged(change.path);
  };

  const commit = (changes: readonly Change[], timeMs: number): void =>
    journal.append({ zxid, timeMs, changes });

  const runAlone = (changes: readonly Change[]): void => {
    zxid += 1;
    const timeMs = wallMs();
    commit(changes, timeMs);
    for (const change of changes) {
      applyChange(tree, change, zxid, timeMs);
      tell(change);
    }
  };

  const outcomeOf = (request: WriteRequest, change: Change | undefined): Outcome => {
    const path = change?.kind === 'create' ? change.path : request.path;
    const node = change === undefined || change.kind === 'delete' ? undefined : tree.find(path);
    return { error: ERROR.ok, path, stat: node && statOf(node) };
  };

  const attempt = (
    requests: readonly WriteRequest[],
    caller: Caller,
    timeMs: number,
  ): { readonly outcomes: readonly Outcome[]; readonly changes: readonly Change[] } => {
    const outcomes: Outcome[] = [];
    const changes: Change[] = [];
    const undos: Undo[] = [];
    for (const request of requests) {
      const decision = decideWrite(tree, request, caller);
      if (!decision.ok) {
        for (const undo of undos.reverse()) undo();
        return {
          outcomes: failedAt(outcomes.length, requests.length, decision.error),
          changes: [],
        };
      }
      if (decision.change !== undefined) {
        undos.push(applyChange(tree, decision.change, zxid, timeMs));
        changes.push(decision.change);
      }
      outcomes.push(outcomeOf(request, decision.change));
    }
    return { outcomes, changes };
  };

  return {
    tree,
    watches: watched,
    get zxid() {
      return zxid;
    },
    write(request, caller) {
      const decision = decideWrite(tree, request, caller);
      const change = decision.ok ? decision.change : undefined;
      runAlone(change === undefined ? NO_CHANGES : [change]);
      return decision.ok ? outcomeOf(request, change) : failure(decision.error);
    },
    writeAll(requests, caller) {
      zxid += 1;
      const timeMs = wallMs();
      const { outcomes, changes } = attempt(requests, caller, timeMs);
      commit(changes, timeMs);
      for (const change of changes) tell(change);
      return outcomes;
    },
    burn: () => runAlone(NO_CHANGES),
    openSession(timeoutMs) {
      const sessionId = BigInt(zxid + 1);
      runAlone([{ kind: 'open-session', sessionId, timeoutMs }]);
      return sessionId;
    },
    closeSession: sessionId => runAlone(decideClose(tree, sessionId)),
    reap() {
      const paths = decideReaping(tree, wallMs());
      for (const path of paths) runAlone([{ kind: 'delete', path }]);
      return paths.length;
    },
  };
}

function failure(error: ErrorCode): Outcome {
  return { error: error === ERROR.ok ? ERROR.runtimeInconsistency : error };
}

function failedAt(step: number, steps: number, error: ErrorCode): readonly Outcome[] {
  return Array.from({ length: steps }, (_, index): Outcome => {
    if (index < step) return { error: ERROR.ok, path: '', stat: undefined };
    return index === step ? failure(error) : { error: ERROR.runtimeInconsistency };
  });
}
