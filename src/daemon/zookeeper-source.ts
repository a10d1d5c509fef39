import { RollcallError } from '../kernel/errors.ts';
import { isLoopback } from '../kernel/loopback.ts';
import { optionalFlagOf, switchFlag, textFlag } from './flags.ts';
import { HOST_PORT_HINT, type HostPort, hostPortText, readHostPort } from './host-port.ts';
import { checkedServers } from './zookeeper-flags.ts';

/** Which ZooKeeper a daemon uses: others' servers, or one of its own in its own process. */
export type ZooKeeperSource =
  | { readonly kind: 'ensemble'; readonly servers: string }
  | {
      readonly kind: 'embedded';
      /** Wanted: the next free port is taken when it is not to be had. */
      readonly listen: HostPort;
      /** Undefined: memory only. */
      readonly dataDir: string | undefined;
    };

const DEFAULT_LISTEN: HostPort = { host: '127.0.0.1', port: 2181 };

export const embeddedFlags = () => ({
  embedded: switchFlag({
    help: 'a ZooKeeper server of one node in this process: development, one small machine',
  }),
  'embedded-listen': optionalFlagOf(readHostPort, HOST_PORT_HINT, {
    help: 'where it listens; the next free port, when that one is taken',
    value: 'HOST:PORT',
    fallback: hostPortText(DEFAULT_LISTEN),
  }),
  'data-dir': textFlag({
    help: 'where it keeps its nodes over restarts; without it they are in memory only',
    value: 'DIR',
  }),
});

interface SourceSettings {
  readonly zookeeper?: string | undefined;
  readonly embedded: boolean;
  readonly 'embedded-listen'?: HostPort | undefined;
  readonly 'data-dir'?: string | undefined;
  readonly insecure: boolean;
  readonly 'zookeeper-tls-ca'?: string | undefined;
  readonly 'zookeeper-tls-cert'?: string | undefined;
  readonly 'zookeeper-tls-key'?: string | undefined;
}

const TLS_FLAGS = ['zookeeper-tls-ca', 'zookeeper-tls-cert', 'zookeeper-tls-key'] as const;

/**
 * An ensemble or the embedded server: one of them, never none and never both. Three replicas that started a server each because a
 * variable was missing would be three registries, so nothing is started that was not asked for.
 *
 * @throws RollcallError INVALID_CONFIG that names the flag at fault and what to give instead.
 */
export function zookeeperSource(settings: SourceSettings): ZooKeeperSource {
  const { zookeeper, embedded } = settings;
  if (zookeeper === undefined && !embedded) {
    throw wrong(
      'zookeeper',
      '--zookeeper is missing: say which ZooKeeper: --zookeeper host:port[,host:port…][/chroot] (or ROLLCALL_ZOOKEEPER); or say --embedded for a server of one node in this process, for development and one small machine',
    );
  }
  if (zookeeper === undefined) return embeddedSource(settings);
  if (embedded) {
    throw wrong(
      'embedded',
      '--zookeeper and --embedded exclude each other: leave one of them out (ROLLCALL_ZOOKEEPER, ROLLCALL_EMBEDDED and the config file count, too)',
    );
  }
  for (const name of ['embedded-listen', 'data-dir'] as const) {
    if (settings[name] === undefined) continue;
    throw wrong(
      name,
      `--${name} is about the embedded server: leave it out beside --zookeeper (ROLLCALL_ZOOKEEPER and the config file count, too)`,
    );
  }
  return { kind: 'ensemble', servers: checkedServers(zookeeper) };
}

function embeddedSource(settings: SourceSettings): ZooKeeperSource {
  const listen = settings['embedded-listen'] ?? DEFAULT_LISTEN;
  if (!isLoopback(listen.host) && !settings.insecure) {
    throw wrong(
      'embedded-listen',
      `--embedded-listen ${hostPortText(listen)}: others can reach this address, and the embedded server lets everybody change what no ACL protects: listen on 127.0.0.1, or say --insecure if that is meant so`,
    );
  }
  const tls = TLS_FLAGS.find(name => settings[name] !== undefined);
  if (tls !== undefined) {
    throw wrong(tls, `--${tls}: the embedded server has no TLS: leave it out`);
  }
  return { kind: 'embedded', listen: Object.freeze(listen), dataDir: settings['data-dir'] };
}

function wrong(flag: string, message: string): RollcallError {
  return new RollcallError('INVALID_CONFIG', message, { details: { flag } });
}
