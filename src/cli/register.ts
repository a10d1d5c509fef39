import { randomBytes } from 'node:crypto';
import { hostname } from 'node:os';
import { z } from 'zod';
import {
  boundedDurationFlag,
  configFlag,
  integerFlag,
  integerHint,
  listFlag,
  optionalFlagOf,
  ownAddress,
  readInteger,
  requiredFlagOf,
  rootFlag,
  textFlag,
  zookeeperTarget,
} from '../daemon/index.ts';
import { announce, makeProvider, type ProviderRecord } from '../registry/index.ts';
import { openSession } from '../zookeeper/index.ts';
import { usage } from './arguments.ts';
import { startChild } from './child.ts';
import { command } from './command.ts';
import { presence } from './presence.ts';
import { readTarget, TARGET_HINT, type Target } from './probe.ts';
import { serviceName } from './service-name.ts';
import { tellOfSession } from './session-notes.ts';
import { runSidecar } from './sidecar.ts';
import { sessionFlags } from './session-flags.ts';
import type { CheckPlan } from './watch-check.ts';

/** A ZooKeeper that is away must not keep a finished program's sidecar: the session's end removes the node. */
const CLOSE_WITHIN_MS = 3_000;

const HOUR_MS = 3_600_000;

const RegisterFlags = z.object({
  port: requiredFlagOf(text => readInteger(text, 1, 65_535), integerHint(1, 65_535), {
    help: 'where it serves (needed)',
    value: 'N',
    missing: 'say where it serves, like --port 8080',
  }),
  address: textFlag({ help: 'under which others reach it [this host]', value: 'ADDRESS' }),
  id: textFlag({ help: 'its name among its peers [<host>-<port>-<random>]', value: 'ID' }),
  tag: listFlag({ help: 'a tag', value: 'TAG' }),
  weight: integerFlag(0, 65_535, { help: 'its share of the calls', value: 'N', fallback: '100' }),
  version: textFlag({ help: 'its version', value: 'VERSION' }),
  zone: textFlag({ help: 'where it runs', value: 'ZONE' }),
  group: textFlag({ help: 'its group', value: 'GROUP' }),
  protocol: textFlag({ help: 'what it speaks [tcp]', value: 'NAME' }),
  meta: listFlag({ help: 'more about it', value: 'KEY=VALUE' }),
  check: optionalFlagOf(readTarget, TARGET_HINT, {
    help: 'listed only while this answers: HTTP below 400, or a TCP connection',
    value: 'http://…|tcp://…',
  }),
  'check-interval': boundedDurationFlag(10, HOUR_MS, {
    help: 'time between two tries',
    fallback: '5s',
  }),
  'check-timeout': boundedDurationFlag(1, HOUR_MS, {
    help: 'how long one may take',
    fallback: '2s',
  }),
  'check-rise': integerFlag(1, 100, {
    help: 'successes in a row to be up',
    value: 'N',
    fallback: '1',
  }),
  'check-fall': integerFlag(1, 100, {
    help: 'failures in a row to be down',
    value: 'N',
    fallback: '3',
  }),
  ...sessionFlags(),
  root: rootFlag(),
  config: configFlag(),
});
type RegisterSettings = Readonly<z.output<typeof RegisterFlags>>;

export const register = command({
  name: 'register',
  summary: 'make any program a provider for as long as it lives',
  usage: 'SERVICE --port N [FLAGS] -- CMD ARGS…',
  about: [
    'Runs CMD and lists it as a provider of SERVICE for as long as it lives and passes its check. SIGTERM and SIGINT first',
    'mark it as draining, then go to CMD; the exit status is that of CMD (128 + n when signal n ended it; 127 when it does',
    'not exist). When ZooKeeper is away CMD runs all the same and is listed when ZooKeeper is back.',
  ].join('\n'),
  examples: [
    'rollcall register hello --port 8080 -- python3 -m http.server 8080',
    'rollcall register orders --port 9000 --check http://127.0.0.1:9000/health --zone eu-1a --meta team=pay -- ./orders',
  ],
  schema: RegisterFlags,
  words: [1, 1],
  takesCommand: true,
  async run(settings, { words, command: program, terminal }) {
    const record = recordOf(serviceName(words[0]), settings);
    const { clock, random } = terminal;
    const check = settings.check === undefined ? undefined : checkPlan(settings.check, settings);
    const target = zookeeperTarget(settings);
    const say = (line: string): void =>
      terminal.complain(`rollcall: ${record.service}/${record.id}: ${line}`);

    const session = await openSession({ ...target, clock, random });
    const child = startChild(program, terminal.env);
    const quiet = tellOfSession(session, target.servers, clock, say);
    const listed = presence({
      clock,
      random,
      say,
      announce: async (status, signal) => {
        const registration = await announce(
          session,
          { ...record, status },
          {
            root: settings.root,
            closeWithinMs: CLOSE_WITHIN_MS,
            clock,
            random,
            signal,
          },
        );
        say(`announced as ${registration.path}`);
        return registration;
      },
    });
    try {
      return await runSidecar({ child, presence: listed, check, terminal, say });
    } finally {
      quiet();
      await session.close();
    }
  },
});

function recordOf(service: string, settings: RegisterSettings): ProviderRecord {
  const { address = ownAddress(), port, tag: tags, weight, meta } = settings;
  const id = settings.id ?? `${hostname()}-${port}-${randomBytes(3).toString('hex')}`;
  const { version, zone, group, protocol } = settings;
  const given = Object.entries({ version, zone, group, protocol }).filter(
    ([, text]) => text !== undefined,
  );
  return makeProvider({
    v: 1,
    id,
    service,
    address,
    port,
    tags,
    weight,
    metadata: metadataOf(meta),
    ...Object.fromEntries(given),
  });
}

function metadataOf(pairs: readonly string[]): Readonly<Record<string, string>> {
  return Object.fromEntries(
    pairs.map(pair => {
      const equals = pair.indexOf('=');
      if (equals < 1) throw usage(`--meta "${pair}": write it as KEY=VALUE`);
      return [pair.slice(0, equals), pair.slice(equals + 1)];
    }),
  );
}

function checkPlan(target: Target, settings: RegisterSettings): CheckPlan {
  return {
    target,
    intervalMs: settings['check-interval'],
    timeoutMs: settings['check-timeout'],
    rise: settings['check-rise'],
    fall: settings['check-fall'],
  };
}
