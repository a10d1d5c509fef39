import { turn } from '../kernel/turn.ts';
import type { ServiceCounts, ServicesSnapshot } from './ports.ts';

/** Renders `rollcall_providers{service,status}` as Prometheus text without prom-client, which would take seconds for 100 000 series. */
export interface ProvidersText {
  /** Gives others their turn of the event loop in between; what did not change since the last time is not rendered again. */
  render(): Promise<Buffer>;
}

const STATUSES = ['up', 'starting', 'draining', 'down'] as const;
const NAME = 'rollcall_providers';
/** How many services are looked at in one turn of the event loop. */
const SERVICES_A_TURN = 1_000;

type Line = ServicesSnapshot['services'][number];

/** As the text format wants label values. */
export function escapeLabel(value: string): string {
  return value.replaceAll('\\', '\\\\').replaceAll('\n', '\\n').replaceAll('"', '\\"');
}

function seriesOf(service: string, counts: ServiceCounts): string {
  const label = escapeLabel(service);
  return STATUSES.map(
    status => `${NAME}{service="${label}",status="${status}"} ${counts[status]}\n`,
  ).join('');
}

const isSame = (a: ServiceCounts, b: ServiceCounts): boolean =>
  a === b || STATUSES.every(status => a[status] === b[status]);

function add(sum: ServiceCounts, counts: ServiceCounts): ServiceCounts {
  const { up, starting, draining, down } = counts;
  return {
    ...sum,
    up: sum.up + up,
    starting: sum.starting + starting,
    draining: sum.draining + draining,
    down: sum.down + down,
  };
}

const NONE: ServiceCounts = {
  total: 0,
  up: 0,
  starting: 0,
  draining: 0,
  down: 0,
  unhealthy: 0,
  suspects: 0,
};

function heading(maxServices: number): string {
  return [
    `# HELP ${NAME} Listed providers by service and status. Beyond ${maxServices} services the rest is summed under an empty service.`,
    `# TYPE ${NAME} gauge`,
    '',
  ].join('\n');
}

function unnamedText(services: number): string {
  return [
    `# HELP ${NAME}_unnamed_services Services whose providers are summed under an empty service label.`,
    `# TYPE ${NAME}_unnamed_services gauge`,
    `${NAME}_unnamed_services ${services}`,
    '',
  ].join('\n');
}

export function providersText(services: () => readonly Line[], maxServices = 5_000): ProvidersText {
  let cache = new Map<string, { readonly counts: ServiceCounts; readonly text: string }>();
  let rendering: Promise<Buffer> | undefined;

  const renderAll = async (): Promise<Buffer> => {
    const all = services();
    const next: typeof cache = new Map();
    const chunks: Buffer[] = [Buffer.from(heading(maxServices))];
    let texts: string[] = [];
    let rest = NONE;
    for (const [at, { name, counts }] of all.entries()) {
      if (at < maxServices) {
        const known = cache.get(name);
        const text =
          known !== undefined && isSame(known.counts, counts) ? known.text : seriesOf(name, counts);
        next.set(name, { counts, text });
        texts.push(text);
      } else rest = add(rest, counts);
      if (at % SERVICES_A_TURN !== SERVICES_A_TURN - 1) continue;
      chunks.push(Buffer.from(texts.join('')));
      texts = [];
      await turn();
    }
    cache = next;
    const unnamed = Math.max(0, all.length - maxServices);
    if (unnamed > 0) texts.push(seriesOf('', rest));
    texts.push(unnamedText(unnamed));
    return Buffer.concat([...chunks, Buffer.from(texts.join(''))]);
  };

  return {
    /** Scrapes at one moment share one rendering. */
    render() {
      rendering ??= renderAll().finally(() => {
        rendering = undefined;
      });
      return rendering;
    },
  };
}
