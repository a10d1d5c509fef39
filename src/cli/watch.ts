import { z } from 'zod';
import { switchFlag } from '../daemon/index.ts';
import { formatDurationMs } from '../kernel/duration.ts';
import { command } from './command.ts';
import { daemonClient, daemonFlags } from './daemon-client.ts';
import { follow } from './follow.ts';
import { serviceName } from './service-name.ts';
import { SIGNAL_EXIT } from './terminal.ts';
import { sayEvent } from './watch-lines.ts';

export const watch = command({
  name: 'watch',
  summary: 'follow what joins, changes and leaves',
  usage: '[SERVICE…] [--json]',
  about: [
    'Prints the providers there are, then every change, until it is stopped. After a break it goes on where it was and',
    'misses nothing. With --json each line is one event: {"id", "event", "data"}.',
  ].join('\n'),
  examples: ['rollcall watch', 'rollcall watch orders payments', 'rollcall watch orders --json'],
  schema: z.object({
    json: switchFlag({ help: 'print JSON lines, for programs' }),
    ...daemonFlags(),
  }),
  words: [0, 100],
  async run({ json, server, token }, { words, terminal }) {
    const query = new URLSearchParams();
    for (const word of words) query.append('service', serviceName(word));
    const stopped = new AbortController();
    let status = 0;
    const release = terminal.onSignal(signal => {
      status = SIGNAL_EXIT[signal];
      stopped.abort();
    });
    try {
      await follow({
        client: daemonClient({ server, token, clock: terminal.clock }),
        query,
        clock: terminal.clock,
        random: terminal.random,
        signal: stopped.signal,
        onEvent: event => {
          const lines = json
            ? [jsonLine(event)]
            : sayEvent(event, new Date(terminal.clock.wallMs()));
          for (const line of lines) terminal.print(line);
        },
        onBreak: (reason, waitMs) =>
          terminal.complain(`rollcall: ${reason}; again in ${formatDurationMs(waitMs)}`),
      });
    } finally {
      release();
    }
    return status;
  },
});

function jsonLine({
  id,
  type,
  data,
}: {
  id: string | undefined;
  type: string;
  data: string;
}): string {
  let body: unknown = data;
  try {
    body = JSON.parse(data);
  } catch {
    // not JSON: passed on as the text it is
  }
  return JSON.stringify({ id, event: type, data: body });
}
