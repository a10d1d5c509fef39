/**
 * Server-sent events (WHATWG HTML, 9.2) of the feed. The bytes of an event are made once and shared by every stream.
 *
 * A batch's id says that everything up to it has been handed over, so it stands in the last event of the batch only: on an
 * earlier one it would promise what is still to come, and a client that is cut off in between would resume past it.
 */

import type { FeedBatch, FeedEvent, ListedProvider, SuspectProvider } from '../aggregator/ports.ts';
import { listJson, providerJson, suspectJson } from './wire.ts';

/** Small events are put together up to this size; larger ones go out as they are, without being copied for each stream. */
const CHUNK_BYTES = 64 * 1024;

const END = Buffer.from('\n');

/** Keeps proxies and clients from taking the line for dead. */
export const HEARTBEAT = Buffer.from(':\n\n');

export function retryHint(ms: number): Buffer {
  return Buffer.from(`retry: ${ms}\n\n`);
}

export function goodbye(retryMs: number): Buffer {
  return Buffer.from(`event: goodbye\nretry: ${retryMs}\ndata: {"reason":"shutdown"}\n\n`);
}

/** Moves the client's last event id on, without an event. */
export function idOnly(id: bigint): Buffer {
  return Buffer.from(`id: ${id}\n\n`);
}

function place(event: { readonly service: string; readonly index: bigint }): string {
  return `"service":${JSON.stringify(event.service)},"index":"${event.index}"`;
}

const providers = (list: readonly ListedProvider[]): string => listJson(list, providerJson);
const suspects = (list: readonly SuspectProvider[]): string => listJson(list, suspectJson);

function dataOf(event: FeedEvent): string {
  switch (event.type) {
    case 'snapshot':
      return `{${place(event)},"providers":${providers(event.providers)},"suspects":${suspects(event.suspects)}}`;
    case 'joined':
    case 'changed':
      return `{${place(event)},"provider":${providerJson(event.provider)}}`;
    case 'left': {
      const last =
        event.provider === undefined ? '' : `,"provider":${providerJson(event.provider)}`;
      return `{${place(event)},"id":${JSON.stringify(event.id)},"cause":"${event.cause}"${last}}`;
    }
    case 'suspects':
      return `{${place(event)},"suspects":${suspects(event.suspects)}}`;
    case 'reset':
      return JSON.stringify({ reason: event.reason });
    case 'state': {
      const { state } = event;
      const since = state.kind === 'stale' ? new Date(state.sinceWallMs).toISOString() : undefined;
      return JSON.stringify({ state: state.kind, since });
    }
    default:
      return event satisfies never;
  }
}

const encodedEvents = new WeakMap<FeedEvent, Buffer>();

/** The lines of one event, without the empty one that ends it. JSON has no line breaks: one `data:` line holds it. */
export function eventLines(event: FeedEvent): Buffer {
  let lines = encodedEvents.get(event);
  if (lines === undefined) {
    lines = Buffer.from(`event: ${event.type}\ndata: ${dataOf(event)}\n`);
    encodedEvents.set(event, lines);
  }
  return lines;
}

const encodedBatches = new WeakMap<FeedBatch, readonly Buffer[]>();

/** What is to be written of a batch, in order. The same buffers for every stream that gets the same batch. */
export function batchChunks(batch: FeedBatch): readonly Buffer[] {
  let chunks = encodedBatches.get(batch);
  if (chunks === undefined) encodedBatches.set(batch, (chunks = makeChunks(batch)));
  return chunks;
}

function makeChunks({ id, events }: FeedBatch): readonly Buffer[] {
  const parts: Buffer[] = [];
  for (const [at, event] of events.entries()) {
    parts.push(eventLines(event), at === events.length - 1 ? idOnly(id) : END);
  }
  if (events.length === 0) parts.push(idOnly(id));
  return merged(parts);
}

function merged(parts: readonly Buffer[]): readonly Buffer[] {
  const chunks: Buffer[] = [];
  let small: Buffer[] = [];
  let smallBytes = 0;
  const flush = (): void => {
    if (small.length > 0)
      chunks.push(small.length === 1 && small[0] ? small[0] : Buffer.concat(small));
    small = [];
    smallBytes = 0;
  };
  for (const part of parts) {
    if (smallBytes + part.length > CHUNK_BYTES) flush();
    small.push(part);
    smallBytes += part.length;
  }
  flush();
  return chunks;
}
