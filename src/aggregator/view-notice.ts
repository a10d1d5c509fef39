import type { LeaveCause, ListedProvider } from './ports.ts';
import type { ViewTransition } from './transitions.ts';

/** When and why the view changes. */
export interface Occasion {
  readonly reason: ViewTransition['reason'];
  readonly atMs: number;
  readonly atWallMs: number;
}

/** What became of one id's place in the list. */
export interface ListingChange {
  readonly service: string;
  readonly id: string;
  readonly before: ListedProvider | undefined;
  readonly after: ListedProvider | undefined;
  /** Why it left; undefined when it did not. */
  readonly cause: LeaveCause | undefined;
}

/** One step of the view, handed to its followers (feed, history, derived state, metrics) in the turn in which it was taken. */
export interface ViewNotice {
  readonly occasion: Occasion;
  /** The watermark before the change: everything ≤ it was in earlier notices. */
  readonly watermarkBefore: bigint;
  /** Monotonic ms when the first watch event behind it came in. */
  readonly eventAtMs: number | undefined;
  /** In the order in which they happened. None of the cold read. */
  readonly transitions: readonly ViewTransition[];
  readonly listings: readonly ListingChange[];
  /** Services whose set of suspects is another one. */
  readonly suspects: ReadonlySet<string>;
  /**
   * Services (`all`: any) of which nodes may have come and gone without having been seen here. Somebody who came from another
   * replica may have been told of them there, and would never be told here that they went.
   */
  readonly unseen: ReadonlySet<string> | 'all';
}

/** What is gathered while one change after another is applied, until it is handed out as a notice. */
export interface Gathering {
  readonly transitions: ViewTransition[];
  readonly listings: ListingChange[];
  readonly suspects: Set<string>;
}

export function gathering(): Gathering {
  return { transitions: [], listings: [], suspects: new Set() };
}
