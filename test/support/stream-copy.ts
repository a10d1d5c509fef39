import { StreamEvents } from '../../src/http/schemas/answers.ts';
import type { Providers } from './system.ts';
import type { SseMessage } from './sse-client.ts';

type Provider = Providers['providers'][number];

/** What a client of the stream knows, by nothing but its events. */
export interface StreamCopy {
  /** Takes in one message, held against its schema. A message that comes twice changes nothing. */
  apply(message: SseMessage): void;
  /** Sorted by id. */
  providers(service: string): readonly Provider[];
  suspects(service: string): Providers['suspects'];
  readonly states: readonly string[];
  readonly resets: number;
}

export function streamCopy(): StreamCopy {
  const services = new Map<string, Map<string, Provider>>();
  const suspects = new Map<string, Providers['suspects']>();
  const states: string[] = [];
  let resets = 0;

  const serviceOf = (name: string): Map<string, Provider> => {
    const known = services.get(name) ?? new Map<string, Provider>();
    services.set(name, known);
    return known;
  };

  const readers: Readonly<Record<string, (data: unknown) => void>> = {
    snapshot(data) {
      const event = StreamEvents.snapshot.parse(data);
      services.set(event.service, new Map(event.providers.map(each => [each.id, each])));
      suspects.set(event.service, event.suspects);
    },
    joined(data) {
      const { service, provider } = StreamEvents.joined.parse(data);
      serviceOf(service).set(provider.id, provider);
    },
    changed(data) {
      const { service, provider } = StreamEvents.changed.parse(data);
      serviceOf(service).set(provider.id, provider);
    },
    left(data) {
      const { service, id } = StreamEvents.left.parse(data);
      serviceOf(service).delete(id);
    },
    suspects(data) {
      const event = StreamEvents.suspects.parse(data);
      suspects.set(event.service, event.suspects);
    },
    reset(data) {
      StreamEvents.reset.parse(data);
      services.clear();
      suspects.clear();
      resets += 1;
    },
    state: data => void states.push(StreamEvents.state.parse(data).state),
    goodbye: data => void StreamEvents.goodbye.parse(data),
  };

  return {
    apply({ event, data }) {
      const read = readers[event];
      if (read === undefined) throw new Error(`the stream has no event called ${event}`);
      read(data);
    },
    providers: service =>
      [...(services.get(service)?.values() ?? [])].sort((a, b) => (a.id < b.id ? -1 : 1)),
    suspects: service => suspects.get(service) ?? [],
    states,
    get resets() {
      return resets;
    },
  };
}
