import { z } from 'zod';
import { switchFlag, textFlag } from '../daemon/index.ts';
import { command } from './command.ts';
import { daemonClient, daemonFlags, parseAnswer, warnOfView } from './daemon-client.ts';
import { serviceName } from './service-name.ts';
import { table } from './table.ts';
import { EXIT } from './terminal.ts';

const Provider = z.looseObject({
  id: z.string(),
  address: z.string(),
  port: z.number(),
  status: z.string().default(''),
  weight: z.number().default(100),
  version: z.string().default(''),
  zone: z.string().default(''),
  tags: z.array(z.string()).default([]),
  since: z.string().default(''),
});
type Provider = z.output<typeof Provider>;
const ProvidersAnswer = z.looseObject({
  providers: z.array(Provider),
  suspects: z.array(Provider).default([]),
});

const FILTERS = ['status', 'tag', 'zone', 'version', 'group', 'protocol', 'include'] as const;
const HEADING = ['id', 'address', 'status', 'weight', 'version', 'zone', 'tags', 'since'];

function row(provider: Provider): readonly string[] {
  const { id, address, port, status, weight, version, zone, tags, since } = provider;
  const host = address.includes(':') ? `[${address}]` : address;
  return [id, `${host}:${port}`, status, String(weight), version, zone, tags.join(','), since];
}

export const providers = command({
  name: 'providers',
  summary: 'list the providers of a service',
  usage: 'SERVICE [--include down,draining,starting] [--json]',
  about:
    'Lists the providers that are up. Suspects, which vanished in one blow and are kept for a while, are listed apart.',
  examples: [
    'rollcall providers orders',
    'rollcall providers orders --zone eu-1a --include draining,down',
  ],
  schema: z.object({
    status: textFlag({ help: 'only with this status', value: 'STATUS' }),
    tag: textFlag({ help: 'only with this tag', value: 'TAG' }),
    zone: textFlag({ help: 'only of this zone', value: 'ZONE' }),
    version: textFlag({ help: 'only of this version', value: 'VERSION' }),
    group: textFlag({ help: 'only of this group', value: 'GROUP' }),
    protocol: textFlag({ help: 'only with this protocol', value: 'PROTOCOL' }),
    include: textFlag({ help: 'also those: down,draining,starting,unhealthy', value: 'LIST' }),
    json: switchFlag({ help: 'print JSON, for programs' }),
    ...daemonFlags(),
  }),
  words: [1, 1],
  async run(settings, { words, terminal }) {
    const service = serviceName(words[0]);
    const { server, token } = settings;
    const client = daemonClient({ server, token, clock: terminal.clock });
    const query = new URLSearchParams();
    for (const name of FILTERS) {
      const wanted = settings[name];
      if (wanted !== undefined) query.set(name, wanted);
    }
    const path = `v1/services/${encodeURIComponent(service)}/providers`;
    const { body, view } = await client.get(path, query);
    warnOfView(terminal, view);
    if (settings.json) {
      terminal.print(JSON.stringify(body));
      return EXIT.done;
    }
    const answer = parseAnswer(ProvidersAnswer, body);
    terminal.print(table(HEADING, answer.providers.map(row), `no providers of ${service}`));
    if (answer.suspects.length > 0) {
      const text = table(HEADING, answer.suspects.map(row), '');
      terminal.print(`\nsuspects (vanished in one blow, kept for a while):\n${text}`);
    }
    return EXIT.done;
  },
});
