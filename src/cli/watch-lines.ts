import { z } from 'zod';
import type { ServerEvent } from './event-stream.ts';
import { harmless } from './table.ts';

const Provider = z.looseObject({
  id: z.string(),
  address: z.string().default('?'),
  port: z.number().default(0),
  status: z.string().default(''),
  weight: z.number().default(100),
});

const Event = z.looseObject({
  service: z.string().default(''),
  id: z.string().default(''),
  cause: z.string().default(''),
  reason: z.string().default(''),
  state: z.unknown().optional(),
  provider: Provider.optional(),
  providers: z.array(Provider).default([]),
  suspects: z.array(Provider).default([]),
});
type Event = z.output<typeof Event>;

function describe({ id, address, port, status, weight }: z.output<typeof Provider>): string {
  const host = address.includes(':') ? `[${address}]` : address;
  return `${id}  ${host}:${port}  ${status}${weight === 100 ? '' : `  weight ${weight}`}`;
}

function stateOf(state: unknown): string {
  const kind = z.looseObject({ kind: z.string() }).safeParse(state);
  return kind.success ? kind.data.kind : typeof state === 'string' ? state : JSON.stringify(state);
}

function linesOf(type: string, event: Event): readonly string[] {
  const { service, provider } = event;
  switch (type) {
    case 'snapshot':
      if (event.providers.length === 0) return [`${service}  no providers`];
      return event.providers.map(one => `${service}  is there  ${describe(one)}`);
    case 'joined':
    case 'changed':
      return provider === undefined ? [] : [`${service}  ${type}  ${describe(provider)}`];
    case 'left':
      return [`${service}  left  ${event.id}  ${event.cause}`];
    case 'suspects': {
      const names = event.suspects.map(one => one.id).join(', ');
      return names === '' ? [] : [`${service}  suspects  ${names}`];
    }
    case 'reset':
      return [`the stream begins anew (${event.reason})`];
    case 'state':
      return [`the view is ${stateOf(event.state)}`];
    default:
      return [];
  }
}

/** What a person reads of one event of `/v1/watch`; nothing for an event that this release does not know. */
export function sayEvent(event: ServerEvent, at: Date): readonly string[] {
  const clock = at.toTimeString().slice(0, 8);
  const parsed = Event.safeParse(jsonOf(event.data));
  if (!parsed.success) return [];
  return linesOf(event.type, parsed.data).map(line => harmless(`${clock}  ${line}`));
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
