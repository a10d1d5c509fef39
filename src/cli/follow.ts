import { backoffMs } from '../kernel/backoff.ts';
import type { Clock } from '../kernel/clock.ts';
import { errorText, hasCode } from '../kernel/errors.ts';
import type { DaemonClient } from './daemon-client.ts';
import { eventParser, type ServerEvent } from './event-stream.ts';

export interface FollowOptions {
  readonly client: Pick<DaemonClient, 'stream'>;
  readonly query: URLSearchParams;
  readonly clock: Clock;
  readonly random: () => number;
  readonly signal: AbortSignal;
  readonly onEvent: (event: ServerEvent) => void;
  /** Once for every loss of the stream, with the reason and the wait before the next try. */
  readonly onBreak: (reason: string, waitMs: number) => void;
}

/**
 * Follows `/v1/watch` until the signal aborts: comes back after every break and resumes where it was (`Last-Event-ID`), so
 * that nothing is missed. That nobody is there at the first try, and a refusal at any time, is the caller's to hear; a daemon that
 * has no complete view yet is waited for.
 */
export async function follow(options: FollowOptions): Promise<void> {
  const { clock, random, signal, onBreak } = options;
  let lastEventId: string | undefined;
  let reached = false;
  for (let attempt = 0; !signal.aborted; attempt += 1) {
    let reason = 'the daemon ended the stream';
    let retryMs: number | undefined;
    try {
      const ended = await readOnce(options, lastEventId, () => {
        reached = true;
        attempt = 0;
      });
      lastEventId = ended.lastId ?? lastEventId;
      retryMs = ended.retryMs;
      reason = ended.reason ?? reason;
    } catch (error) {
      if (signal.aborted) return;
      if (!isPassing(error) || (!reached && hasCode(error, 'CONNECTION_LOSS'))) throw error;
      reason = errorText(error);
    }
    if (signal.aborted) return;
    const waitMs = retryMs ?? backoffMs(attempt, random(), { capMs: 10_000 });
    onBreak(reason, waitMs);
    await clock.sleep(waitMs, signal).catch(() => undefined);
  }
}

/** A daemon that is away, or starting, or stopping, comes back; one that says no goes on saying it. */
function isPassing(error: unknown): boolean {
  if (hasCode(error, 'CONNECTION_LOSS')) return true;
  const details = error instanceof Error && 'details' in error ? error.details : undefined;
  const refused = typeof details === 'object' && details !== null && 'status' in details;
  return refused && Number(details.status) >= 500;
}

interface Ended {
  readonly lastId: string | undefined;
  readonly retryMs: number | undefined;
  readonly reason: string | undefined;
}

async function readOnce(
  { client, query, signal, onEvent }: FollowOptions,
  lastEventId: string | undefined,
  onOpen: () => void,
): Promise<Ended> {
  const body = await client.stream('v1/watch', query, { lastEventId, signal });
  const parser = eventParser();
  const decoder = new TextDecoder();
  let reason: string | undefined;
  try {
    for await (const chunk of body) {
      onOpen();
      for (const event of parser.push(decoder.decode(chunk, { stream: true }))) onEvent(event);
    }
  } catch (error) {
    reason = errorText(error);
  }
  return { lastId: parser.lastId, retryMs: parser.retryMs, reason };
}
