/**
 * The session's clock, kept by us. It counts from the moment at which the newest *answered* request or ping was sent: then, at the
 * latest, the server last heard us and began its own timeout. Bytes that merely arrive prove nothing of that.
 */
export interface Liveness {
  readonly timeoutMs: number;
  /** A timeout was negotiated in a handshake that was sent at `sentAtMs`. */
  negotiated(timeoutMs: number, sentAtMs: number): void;
  answered(sentAtMs: number): void;
  pinged(atMs: number): void;
  /** When a ping is due: a third of the timeout after the newest answered send, or after the last ping. */
  pingDueMs(): number;
  /** When the server in use counts as gone: two thirds of the timeout. */
  suspectAtMs(): number;
  /** When the session counts as gone: the whole timeout. */
  lostAtMs(): number;
}

export function liveness(askedTimeoutMs: number): Liveness {
  let timeoutMs = askedTimeoutMs;
  let answeredSentAtMs = Number.NEGATIVE_INFINITY;
  let pingedAtMs = Number.NEGATIVE_INFINITY;
  return {
    get timeoutMs() {
      return timeoutMs;
    },
    negotiated(negotiatedMs, sentAtMs) {
      timeoutMs = negotiatedMs;
      answeredSentAtMs = Math.max(answeredSentAtMs, sentAtMs);
      pingedAtMs = Number.NEGATIVE_INFINITY;
    },
    answered(sentAtMs) {
      answeredSentAtMs = Math.max(answeredSentAtMs, sentAtMs);
    },
    pinged(atMs) {
      pingedAtMs = atMs;
    },
    pingDueMs: () => Math.max(answeredSentAtMs, pingedAtMs) + timeoutMs / 3,
    suspectAtMs: () => answeredSentAtMs + (timeoutMs * 2) / 3,
    lostAtMs: () => answeredSentAtMs + timeoutMs,
  };
}
