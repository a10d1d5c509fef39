import { networkInterfaces } from 'node:os';
import { readNamedFile } from './config-file.ts';
import type { OpenWrites } from '../http/index.ts';
import { isLoopback } from '../kernel/loopback.ts';
import { type HostPort, isAnyAddress } from './host-port.ts';
import type { LOG_LEVELS, ServeSettings } from './serve-flags.ts';
import { certificate, type SessionPlan, sessionPlan } from './zookeeper-flags.ts';
import { type ZooKeeperSource, zookeeperSource } from './zookeeper-source.ts';

/** All that the daemon was told, checked and frozen. Holds secrets: never log it whole. */
export interface DaemonConfig {
  readonly zookeeper: ZooKeeperSource;
  readonly session: SessionPlan;
  readonly root: string;
  readonly http: HostPort;
  readonly tls: { readonly cert: string; readonly key: string } | undefined;
  /** The text of the tokens file. */
  readonly tokens: string | undefined;
  /** Who may write when there are no tokens. */
  readonly openWrites: OpenWrites;
  /** `asked`: an address was given, although this release serves no DNS. */
  readonly dns: 'off' | 'asked' | 'unsaid';
  readonly domain: string;
  /** Port 0: the one that HTTP listens on. */
  readonly advertise: HostPort;
  readonly logLevel: (typeof LOG_LEVELS)[number];
  readonly protection: {
    readonly enabled: boolean;
    readonly ratio: number;
    readonly holdMs: number;
  };
  readonly historyDir: string | undefined;
  /** Whether to announce providers of our own, for a look around. */
  readonly demo: boolean;
  readonly metricsServices: number;
  /** 0: no audits. */
  readonly auditEveryMs: number;
  readonly lameDuckMs: number;
  readonly shutdownGraceMs: number;
}

/**
 * Makes the configuration of `rollcall serve` from its settings (see `readSettings`) and the files that they name.
 *
 * @throws RollcallError INVALID_CONFIG: one sentence that names the flag at fault and what to give instead.
 */
export function daemonConfig(settings: ServeSettings): DaemonConfig {
  const { http, tokens } = settings;
  return Object.freeze({
    zookeeper: Object.freeze(zookeeperSource(settings)),
    session: Object.freeze(sessionPlan(settings)),
    root: settings.root,
    http: Object.freeze(http),
    tls: certificate('tls', settings['tls-cert'], settings['tls-key']),
    tokens: tokens === undefined ? undefined : readNamedFile('tokens', tokens),
    openWrites: openWrites(settings),
    dns: settings.dns ?? 'unsaid',
    domain: settings.domain ?? 'rollcall',
    advertise: Object.freeze(settings.advertise ?? advertised(http)),
    logLevel: settings['log-level'],
    protection: Object.freeze({
      enabled: settings.protection === 'on',
      ratio: settings['protection-ratio'],
      holdMs: settings['protection-hold'],
    }),
    historyDir: settings['history-dir'],
    demo: settings.demo,
    metricsServices: settings['metrics-services'],
    auditEveryMs: settings['audit-every'],
    lameDuckMs: settings['lame-duck'],
    shutdownGraceMs: settings['shutdown-grace'],
  });
}

function openWrites({ insecure, http }: ServeSettings): OpenWrites {
  if (insecure) return 'everybody';
  return isLoopback(http.host) ? 'this-machine' : 'nobody';
}

function advertised(http: HostPort): HostPort {
  return isAnyAddress(http.host) ? { host: ownAddress(), port: http.port } : http;
}

/** The first address of this machine that others can reach, IPv4 first; 127.0.0.1 when there is none. */
export function ownAddress(): string {
  const addresses = Object.values(networkInterfaces())
    .flatMap(list => list ?? [])
    .filter(({ internal, scopeid }) => !internal && (scopeid ?? 0) === 0);
  const [first] = addresses.toSorted((a, b) => a.family.localeCompare(b.family));
  return first?.address ?? '127.0.0.1';
}
