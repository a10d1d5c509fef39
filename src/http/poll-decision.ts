/**
 * When a blocked poll ends. Pure: facts in, a word out; who holds the request asks again whenever one of the facts moved.
 */

export interface PollFacts {
  /** `?index=N`; undefined: the client does not want to wait. */
  readonly requested: bigint | undefined;
  /** The published index of the thing asked for. */
  readonly published: bigint;
  /** Whether the body that would be sent now matches `If-None-Match`; undefined: the client sent none. */
  readonly etagMatches: boolean | undefined;
  /** What is left of the wait; 0 or less: it has ended. */
  readonly waitLeftMs: number;
}

export type PollDecision =
  /** Send what is there now. */
  | 'answer'
  /** Hold the request until a fact moves or the wait ends. */
  | 'wait'
  /** Send what is there now, and say `X-Rollcall-Reset: true`: it may be older than what the client has. */
  | 'answer-reset';

/**
 * Guarantees, for a client that repeats the index (and the ETag) of the last answer it had, from whichever replica:
 * a change is never slept through, and a state older than index N is never sent without saying so.
 *
 * A client above what is published here came from a replica that is ahead, or from an ensemble that was rebuilt. The two
 * cannot be told apart: it is held until there is something newer than N, or the wait ends. Its ETag says nothing meanwhile:
 * an older body never matches, and must not be sent for that reason. That this replica's watermark has come up to N says
 * nothing either: N may be the mark of something that was still to be read there, while the change that the client has seen
 * beyond it is still on its way to here.
 */
export function decidePoll(facts: PollFacts): PollDecision {
  const { requested, published, etagMatches, waitLeftMs } = facts;
  if (requested === undefined || published > requested) return 'answer';
  const over = waitLeftMs <= 0;
  if (published < requested) return over ? 'answer-reset' : 'wait';
  return over || etagMatches === false ? 'answer' : 'wait';
}
