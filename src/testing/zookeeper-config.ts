import { join } from 'node:path';
import type { ZooKeeperInstallation } from './find-zookeeper.ts';

/** What one server of an ensemble listens on. */
export interface ServerPorts {
  readonly client: number;
  /** Between the servers; unused when there is only one. */
  readonly quorum: number;
  readonly election: number;
}

export interface ServerPlan {
  /** 1-based, as in `server.N`. */
  readonly id: number;
  readonly folder: string;
  readonly ports: ServerPorts;
  readonly ensemble: readonly ServerPorts[];
  readonly tickTimeMs: number;
  readonly config: Readonly<Record<string, string>>;
}

export const dataFolder = (plan: ServerPlan): string => join(plan.folder, 'data');

/**
 * The text of zoo.cfg. A session may ask for anything between two ticks and a minute: ZooKeeper's own upper bound of twenty
 * ticks would cut the usual 10 s short where the tick is brief.
 */
export function renderConfig(plan: ServerPlan): string {
  const settings: Record<string, string> = {
    tickTime: String(plan.tickTimeMs),
    dataDir: dataFolder(plan),
    clientPort: String(plan.ports.client),
    clientPortAddress: '127.0.0.1',
    maxClientCnxns: '0',
    minSessionTimeout: String(2 * plan.tickTimeMs),
    maxSessionTimeout: '60000',
    'admin.enableServer': 'false',
    '4lw.commands.whitelist': '*',
    ...(plan.ensemble.length > 1 ? quorumSettings(plan) : {}),
    ...plan.config,
  };
  return Object.entries(settings)
    .map(([name, value]) => `${name}=${value}\n`)
    .join('');
}

/** Limits are counted in ticks: ten seconds to join, five to fall behind, however brief the tick. */
function quorumSettings(plan: ServerPlan): Record<string, string> {
  const members = plan.ensemble.map(({ quorum, election }, index) => [
    `server.${index + 1}`,
    `127.0.0.1:${quorum}:${election}`,
  ]);
  return {
    initLimit: String(Math.ceil(10_000 / plan.tickTimeMs)),
    syncLimit: String(Math.ceil(5_000 / plan.tickTimeMs)),
    ...Object.fromEntries(members),
  };
}

/** Releases bring logback (or log4j), which without a configuration would print every debug line. */
export const LOGBACK_CONFIG = `<configuration>
  <appender name="OUT" class="ch.qos.logback.core.ConsoleAppender"><encoder><pattern>%d %-5level %logger{0} %msg%n</pattern></encoder></appender>
  <root level="WARN"><appender-ref ref="OUT"/></root>
</configuration>
`;

/**
 * `quick`: starts fast, stays small, does not wait for the disk; for tests. `production`: the JVM as it comes, every write on
 * disk before it is answered; for figures that mean something.
 */
export type ServerProfile = 'quick' | 'production';

const JVM_FLAGS: Readonly<Record<ServerProfile, readonly string[]>> = {
  quick: ['-Xshare:auto', '-XX:TieredStopAtLevel=1', '-XX:+UseSerialGC', '-Xmx512m'],
  production: ['-Xshare:auto', '-Xmx1g'],
};

/** The arguments of `java`. What is in `properties` goes before our own choice. */
export function javaArguments(
  installation: ZooKeeperInstallation,
  files: { readonly config: string; readonly logback: string },
  properties: Readonly<Record<string, string>>,
  profile: ServerProfile,
): readonly string[] {
  const all: Record<string, string> = {
    'zookeeper.extendedTypesEnabled': 'true',
    'zookeeper.forceSync': profile === 'quick' ? 'no' : 'yes',
    'zookeeper.preAllocSize': '4096',
    'zookeeper.snapCount': '1000000',
    'zookeeper.jmx.log4j.disable': 'true',
    'logback.configurationFile': files.logback,
    'org.slf4j.simpleLogger.defaultLogLevel': 'warn',
    'java.net.preferIPv4Stack': 'true',
    'java.awt.headless': 'true',
    ...properties,
  };
  return [
    ...JVM_FLAGS[profile],
    ...Object.entries(all).map(([name, value]) => `-D${name}=${value}`),
    '-cp',
    installation.classPath,
    'org.apache.zookeeper.server.quorum.QuorumPeerMain',
    files.config,
  ];
}
