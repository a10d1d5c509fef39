import { z } from 'zod';
import {
  optionalFlagOf,
  rootFlag,
  switchFlag,
  zookeeperTarget,
  type ZooKeeperTarget,
} from '../daemon/index.ts';
import type { Clock } from '../kernel/clock.ts';
import { errorText } from '../kernel/errors.ts';
import { layout } from '../registry/index.ts';
import { openSession, parseConnectString } from '../zookeeper/index.ts';
import { command } from './command.ts';
import { daemonClient, daemonFlags, readServer, SERVER_HINT } from './daemon-client.ts';
import { examineDaemon } from './doctor/daemon.ts';
import { fail, type Finding, findingLine } from './doctor/finding.ts';
import { examineWithProbe } from './doctor/probe-node.ts';
import { examineRights } from './doctor/rights.ts';
import { examineServers } from './doctor/servers.ts';
import { examineOperations, examineSession } from './doctor/session.ts';
import { examineSizes } from './doctor/sizes.ts';
import { EXIT } from './terminal.ts';
import { sessionFlags } from './session-flags.ts';

export const doctor = command({
  name: 'doctor',
  summary: 'look at ZooKeeper, and a daemon, and say what is wrong',
  usage: '[--zookeeper HOST:PORT,…] [--server URL] [--json]',
  about: [
    'Looks at each server, the session, its timeout, watches, clocks, rights below the root, and the sizes of the lists.',
    'It leaves nothing behind. ✓ is well, ! deserves a look, ✗ is wrong; the exit status is 1 when anything is wrong.',
  ].join('\n'),
  examples: [
    'rollcall doctor --zookeeper zk1:2181,zk2:2181,zk3:2181',
    'rollcall doctor --server http://127.0.0.1:7070 --json',
  ],
  schema: z.object({
    ...daemonFlags(),
    server: optionalFlagOf(readServer, SERVER_HINT, {
      help: 'look at this daemon, too',
      value: 'URL',
    }),
    ...sessionFlags(),
    root: rootFlag(),
    json: switchFlag({ help: 'print JSON, for programs' }),
  }),
  words: [0, 0],
  async run(settings, { terminal }) {
    const { clock } = terminal;
    const { server, token } = settings;
    const findings: Finding[] = [];
    const found = (more: readonly Finding[]): void => {
      findings.push(...more);
      if (!settings.json) for (const one of more) terminal.print(findingLine(one));
    };
    await examineZooKeeper(zookeeperTarget(settings), settings.root, clock, found);
    if (server !== undefined) {
      found(await examineDaemon(daemonClient({ server, token, clock }), server));
    }
    const well = findings.every(({ level }) => level !== 'fail');
    if (settings.json) terminal.print(JSON.stringify({ ok: well, findings }));
    return well ? EXIT.done : EXIT.failed;
  },
});

async function examineZooKeeper(
  target: ZooKeeperTarget,
  root: string,
  clock: Clock,
  found: (findings: readonly Finding[]) => void,
): Promise<void> {
  const { servers } = parseConnectString(target.servers);
  const answers = await examineServers(servers, target.tls, clock);
  found(answers);
  if (answers.every(({ level }) => level === 'fail')) return; // there is nobody to have a session with
  await using session = await openSession({ ...target, clock });
  const established = await examineSession(session, target.timeoutMs, clock);
  found(established);
  if (established.some(({ level }) => level === 'fail')) return;
  const where = layout(root);
  const steps = [
    async () => [await examineOperations(session)],
    () => examineRights(session, where),
    () => examineWithProbe(session, root, clock),
    () => examineSizes(session, where),
  ];
  for (const step of steps) {
    try {
      found(await step());
    } catch (error) {
      found([
        fail('session', errorText(error), 'try again; when it stays so, see the logs of ZooKeeper'),
      ]);
      return;
    }
  }
}
