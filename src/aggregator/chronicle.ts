import type { MirrorBatch } from '../zookeeper/index.ts';
import type { Causes, Judgement } from './causes.ts';
import type { HistoryRing, NewHistoryEntry } from './history.ts';
import { oldestOf } from './oldest.ts';
import type { LeaveCause, ListedProvider, Override } from './ports.ts';
import type { ViewTransition } from './transitions.ts';

/** Writes down what the view went through, with the cause of each leave, and takes back what later evidence contradicts. */
export interface Chronicle {
  /** Takes in a batch of the mirror; to be called before the transitions of that batch are noted. */
  apply(batch: MirrorBatch): void;
  /** Notes one transition; returns the cause when it is a leave. */
  note(transition: ViewTransition): LeaveCause | undefined;
}

/** How many entries are remembered as amendable for one session, and how many sessions. */
const MAX_AMENDABLE = 1_000;
const MAX_SESSIONS = 10_000;

const hex = (value: bigint): string => `0x${value.toString(16)}`;

const shown = (value: unknown): string =>
  typeof value === 'string' || typeof value === 'number' ? String(value) : JSON.stringify(value);

/** Names at most five fields that differ; long values are cut. */
export function changeText(previous: ListedProvider, provider: ListedProvider): string {
  const before: Readonly<Record<string, unknown>> = previous.record;
  const after: Readonly<Record<string, unknown>> = provider.record;
  const fields = [...new Set([...Object.keys(before), ...Object.keys(after)])]
    .filter(field => JSON.stringify(before[field]) !== JSON.stringify(after[field]))
    .map(field => {
      const [from, to] = [before[field], after[field]].map(value =>
        value === undefined ? 'nothing' : shown(value).slice(0, 60),
      );
      return `${field}: ${from} → ${to}`;
    });
  if (previous.healthy !== provider.healthy) {
    fields.push(`active check: ${healthText(previous.healthy)} → ${healthText(provider.healthy)}`);
  }
  if (fields.length === 0) return 'its record was written again without a difference';
  const rest = fields.length > 5 ? `; and ${fields.length - 5} more` : '';
  return `${fields.slice(0, 5).join('; ')}${rest}`;
}

function healthText(healthy: boolean | undefined): string {
  if (healthy === undefined) return 'not checked';
  return healthy ? 'passing' : 'failing';
}

/** What an operator said, as a sentence's part. */
export function overrideText(override: Override): string {
  const parts = [
    override.disabled === true ? 'disabled' : undefined,
    override.drain === true ? 'drained' : undefined,
    override.weight === undefined ? undefined : `weight ${override.weight}`,
  ].filter(part => part !== undefined);
  const what = parts.length === 0 ? 'nothing' : parts.join(', ');
  const by = override.by === undefined ? '' : ` by ${override.by}`;
  const at = override.at === undefined ? '' : ` at ${override.at}`;
  const why = override.reason === undefined ? '' : `: ${override.reason}`;
  return `${what}${by}${at}${why}`;
}

/** Of an override that is there and cannot be read. */
export function unreadableText(why: string): string {
  return `the operator’s override cannot be read, and nothing of it is obeyed: ${why}`;
}

function detailOf(transition: Exclude<ViewTransition, { readonly kind: 'left' }>): string {
  switch (transition.kind) {
    case 'joined': {
      const { address, port, status } = transition.provider.record;
      const owner = `session ${hex(transition.sessionId)}`;
      const how = transition.reason === 'watch' ? 'it joined' : 'found by a re-read';
      return `${how}: ${address}:${port}, ${status}, owned by ${owner}`;
    }
    case 'changed':
      return changeText(transition.previous, transition.provider);
    case 'rejected':
      return `its znode holds no provider record: ${transition.detail}`;
    case 'conflict':
      return `${transition.other} claims the same id and stays; the younger one is listed`;
    case 'suspected':
    case 'released':
      return transition.detail;
    case 'override': {
      const { override, unreadable } = transition;
      if (unreadable !== undefined) return unreadableText(unreadable);
      return override === undefined
        ? 'the operator’s override was removed'
        : `an operator set: ${overrideText(override)}`;
    }
    default:
      return transition satisfies never;
  }
}

function entryOf(transition: ViewTransition, judgement: Judgement | undefined): NewHistoryEntry {
  const { service, id, kind, zxid, znode } = transition;
  const detail = transition.kind === 'left' ? (judgement?.detail ?? '') : detailOf(transition);
  return {
    at: new Date(transition.atWallMs).toISOString(),
    service,
    id,
    event: kind,
    cause: judgement?.cause,
    zxid,
    znode,
    detail,
  };
}

export function chronicle(causes: Causes, history: HistoryRing): Chronicle {
  /** By session: the entries that call it dead. */
  const amendable = new Map<bigint, number[]>();
  const oldestAmendable = oldestOf(amendable);

  const rememberDead = (sessionId: bigint, seq: number): void => {
    const seqs = amendable.get(sessionId) ?? [];
    if (seqs.length < MAX_AMENDABLE) seqs.push(seq);
    amendable.delete(sessionId);
    amendable.set(sessionId, seqs);
    const oldest = amendable.size > MAX_SESSIONS ? oldestAmendable() : undefined;
    if (oldest !== undefined) amendable.delete(oldest);
  };

  return {
    apply(batch) {
      for (const sessionId of causes.apply(batch)) {
        const detail = `its session ${hex(sessionId)} was seen alive afterwards: the node alone was deleted`;
        for (const seq of amendable.get(sessionId) ?? []) {
          history.amend({ seq, cause: 'deleted-by-other', detail });
        }
        amendable.delete(sessionId);
      }
    },
    note(transition) {
      const judgement = transition.kind === 'left' ? causes.judge(transition) : undefined;
      const { seq } = history.append(entryOf(transition, judgement));
      if (judgement?.cause === 'crashed-or-expired') rememberDead(transition.sessionId, seq);
      return judgement?.cause;
    },
  };
}
