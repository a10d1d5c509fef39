/**
 * How the view's values look as JSON. A value's text is kept for as long as the value lives, so that one change among
 * ten thousand providers encodes one provider.
 */

import type {
  ListedConsumer,
  ListedProvider,
  ServicesSnapshot,
  SuspectProvider,
} from '../aggregator/ports.ts';

/** 64-bit numbers are decimal strings: JavaScript and many others would round them. */
export function toJson(value: unknown): string {
  return JSON.stringify(value, (_key, item: unknown) =>
    typeof item === 'bigint' ? item.toString() : item,
  );
}

function remembered<T extends object>(encode: (value: T) => string): (value: T) => string {
  const known = new WeakMap<T, string>();
  return value => {
    let text = known.get(value);
    if (text === undefined) known.set(value, (text = encode(value)));
    return text;
  };
}

interface Additions {
  readonly [field: string]: unknown;
}

/** The record with our own fields, which speak for us: a record's unknown field of the same name does not. */
function extended(record: object, additions: Additions): string {
  for (const field in additions) {
    if (Object.hasOwn(record, field)) return JSON.stringify({ ...record, ...additions });
  }
  // No copy of the record: of ten thousand, that is felt.
  return joined(JSON.stringify(record), additions);
}

function joined(recordJson: string, additions: Additions): string {
  return `${recordJson.slice(0, -1)},${JSON.stringify(additions).slice(1)}`;
}

function providerAdditions({ znode, czxid, since, override, healthy }: ListedProvider): Additions {
  // Only a pick says `suspect`: a record that has such a field must not pass for one.
  return { znode, czxid: czxid.toString(), since, override, healthy, suspect: undefined };
}

export const providerJson = remembered<ListedProvider>(provider => {
  const additions = providerAdditions(provider);
  const { recordJson } = provider;
  return recordJson === undefined
    ? extended(provider.record, additions)
    : joined(recordJson, additions);
});

/** A field of the record that is called so does not speak for us. */
const NAMES_HELD = /"(?:vanishedAt|heldUntil|reason)":/;

export const suspectJson = remembered<SuspectProvider>(suspect => {
  const { vanishedAt, heldUntil, reason, last } = suspect;
  const held = { vanishedAt, heldUntil, reason };
  // Mostly its text is at hand: it was told that it left.
  const text = last === undefined ? undefined : providerJson(last);
  if (text === undefined || NAMES_HELD.test(text))
    return extended(suspect.record, { ...providerAdditions(suspect), ...held });
  return joined(text, held);
});

export const consumerJson = remembered<ListedConsumer>(({ record, znode, since }) =>
  extended(record, { znode, since }),
);

export const serviceItemJson = remembered<ServicesSnapshot['services'][number]>(
  ({ name, index, counts }) =>
    `{"name":${JSON.stringify(name)},"index":"${index}","counts":${JSON.stringify(counts)}}`,
);

export function listJson<T>(items: readonly T[], one: (item: T) => string): string {
  return `[${items.map(one).join(',')}]`;
}

/** The same with what a pick adds when it had to fall back. */
export function pickedSuspectJson(suspect: SuspectProvider): string {
  return `${suspectJson(suspect).slice(0, -1)},"suspect":true}`;
}
