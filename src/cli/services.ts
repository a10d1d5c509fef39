import { z } from 'zod';
import { switchFlag, textFlag } from '../daemon/index.ts';
import { command } from './command.ts';
import { daemonClient, daemonFlags, parseAnswer, warnOfView } from './daemon-client.ts';
import { table } from './table.ts';
import { EXIT } from './terminal.ts';

const Counts = z.looseObject({
  total: z.number(),
  up: z.number(),
  starting: z.number(),
  draining: z.number(),
  down: z.number(),
  suspects: z.number(),
});
const ServicesAnswer = z.looseObject({
  services: z.array(z.looseObject({ name: z.string(), counts: Counts })),
});

export const services = command({
  name: 'services',
  summary: 'list the services and how many providers they have',
  usage: '[--prefix TEXT] [--json]',
  about: 'Lists every service that the daemon knows, with its providers counted by status.',
  examples: ['rollcall services', "rollcall services --json | jq -r '.services[].name'"],
  schema: z.object({
    prefix: textFlag({ help: 'only services whose name begins so' }),
    json: switchFlag({ help: 'print JSON, for programs' }),
    ...daemonFlags(),
  }),
  words: [0, 0],
  async run({ prefix, json, server, token }, { terminal }) {
    const client = daemonClient({ server, token, clock: terminal.clock });
    const query = new URLSearchParams(prefix === undefined ? {} : { prefix });
    const { body, view } = await client.get('v1/services', query);
    warnOfView(terminal, view);
    if (json) {
      terminal.print(JSON.stringify(body));
      return EXIT.done;
    }
    const answer = parseAnswer(ServicesAnswer, body);
    const rows = answer.services.map(({ name, counts }) => [
      name,
      ...[counts.up, counts.starting, counts.draining, counts.down, counts.suspects].map(String),
    ]);
    const heading = ['service', 'up', 'starting', 'draining', 'down', 'suspects'];
    terminal.print(table(heading, rows, 'no services'));
    return EXIT.done;
  },
});
