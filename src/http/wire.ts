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

/** Our own fields come last: a record that has an unknown field of such a name does not speak for us. */
function providerFields(provider: ListedProvider): Record<string, unknown> {
  const { record, znode, czxid, since, override, healthy } = provider;
  return { ...record, znode, czxid: czxid.toString(), since, override, healthy };
}

export const providerJson = remembered<ListedProvider>(provider =>
  JSON.stringify(providerFields(provider)),
);

export const suspectJson = remembered<SuspectProvider>(suspect => {
  const { vanishedAt, heldUntil, reason } = suspect;
  return JSON.stringify({ ...providerFields(suspect), vanishedAt, heldUntil, reason });
});

export const consumerJson = remembered<ListedConsumer>(({ record, znode, since }) =>
  toJson({ ...record, znode, since }),
);

export const serviceItemJson = remembered<ServicesSnapshot['services'][number]>(
  ({ name, index, counts }) => toJson({ name, index, counts }),
);

export function listJson<T>(items: readonly T[], one: (item: T) => string): string {
  return `[${items.map(one).join(',')}]`;
}

/** The same with what a pick adds when it had to fall back. */
export function pickedSuspectJson(suspect: SuspectProvider): string {
  return `${suspectJson(suspect).slice(0, -1)},"suspect":true}`;
}
