import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { findZooKeeper } from '../../src/testing/index.ts';
import { aptInstall } from './apt.ts';

/** A program and the arguments that go before any others. */
export type Program = readonly [command: string, ...args: string[]];

interface ForeignClient {
  /** Debian's and Ubuntu's name of the package. */
  readonly package: string;
  readonly find: () => Program | undefined;
}

/** A JVM that starts fast and stays small. */
const QUICK = ['-Xshare:auto', '-XX:TieredStopAtLevel=1', '-XX:+UseSerialGC', '-Xmx128m'];

const ZK_CLI_SH = '/usr/share/zookeeper/bin/zkCli.sh';

/** Clients of ZooKeeper that others wrote. */
const CLIENTS = {
  /** A Python that has kazoo: what the package brings is seen by the system's own. */
  kazoo: {
    package: 'python3-kazoo',
    find: () => firstThatRuns(['/usr/bin/python3', 'python3'], ['-c', 'import kazoo']),
  },
  /** The shell of the C client. */
  cli_mt: {
    package: 'zookeeper-bin',
    find: () => {
      const found = firstThatRuns(['/usr/lib/zookeeper/bin/cli_mt', 'cli_mt'], []);
      return found && ['stdbuf', '-oL', ...found]; // it would keep its answers until it ends
    },
  },
  /** The shell of the Java client, which `zkCli.sh` starts, beside the server's own jars. */
  zkCli: {
    package: 'zookeeper',
    find: () => {
      const search = findZooKeeper();
      if (search.kind === 'missing') return undefined;
      const { java, classPath } = search.installation;
      const silent = '-Dorg.slf4j.simpleLogger.defaultLogLevel=off';
      return [java, ...QUICK, silent, '-cp', classPath, 'org.apache.zookeeper.ZooKeeperMain'];
    },
  },
  /** The script that people type: what it finds is the package's own. */
  'zkCli.sh': {
    package: 'zookeeper',
    find: () =>
      existsSync(ZK_CLI_SH) ? ['env', `CLIENT_JVMFLAGS=${QUICK.join(' ')}`, ZK_CLI_SH] : undefined,
  },
} satisfies Readonly<Record<string, ForeignClient>>;

/** One that is not there at all is not told from one that fails: `cli_mt` without arguments says how it is used, and fails. */
function firstThatRuns(commands: readonly string[], args: readonly string[]): Program | undefined {
  const found = commands.find(command => {
    const { error, status } = spawnSync(command, args);
    return error === undefined && (args.length === 0 || status === 0);
  });
  return found === undefined ? undefined : [found];
}

/** Installs what is missing, where that may be done. */
export function installForeignClients(): void {
  const missing = Object.values(CLIENTS).filter(({ find }) => find() === undefined);
  if (missing.length > 0) aptInstall(...missing.map(client => client.package));
}

/** @throws Error that says in one line what to do. */
export function foreignClient(name: keyof typeof CLIENTS): Program {
  const { find, package: package_ } = CLIENTS[name];
  const found = find();
  if (found === undefined) {
    throw new Error(
      `${name} is missing: on Debian or Ubuntu run "sudo apt-get install -y --no-install-recommends ${package_}" (as root, the tests do it themselves)`,
    );
  }
  return found;
}
