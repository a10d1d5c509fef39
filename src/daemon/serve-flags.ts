import { z } from 'zod';
import {
  choiceFlag,
  configFlag,
  durationFlag,
  durationOrOffFlag,
  fileFlag,
  flagOf,
  integerFlag,
  optionalFlagOf,
  switchFlag,
  textFlag,
} from './flags.ts';
import { embeddedFlags } from './zookeeper-source.ts';
import { HOST_PORT_HINT, readHostPort } from './host-port.ts';
import { rootFlag, sessionTimeoutFlag, zookeeperSecurityFlags } from './zookeeper-flags.ts';

export const LOG_LEVELS = ['debug', 'info', 'warn', 'error', 'silent'] as const;

const readRatio = (text: string): number | undefined => {
  const ratio = /^(0?\.\d{1,6}|0|1(\.0{1,6})?)$/.test(text) ? Number(text) : 0;
  return ratio > 0 ? ratio : undefined;
};

/** Every flag of `rollcall serve`. A key is the flag's name, its variable's and its key in the file. */
export const ServeFlags = z.object({
  zookeeper: textFlag({
    help: 'the ensemble; this or --embedded is needed',
    value: 'HOST:PORT,…[/CHROOT]',
  }),
  ...embeddedFlags(),
  root: rootFlag(),
  http: flagOf(readHostPort, HOST_PORT_HINT, {
    help: 'where the HTTP API listens; port 0 takes a free one',
    value: 'HOST:PORT',
    fallback: '127.0.0.1:7070',
  }),
  dns: optionalFlagOf(
    (text): 'off' | 'asked' | undefined =>
      text === 'off' ? 'off' : readHostPort(text) === undefined ? undefined : 'asked',
    `${HOST_PORT_HINT}; or say off`,
    { help: 'DNS is not served by this release; off says so', value: 'off' },
  ),
  domain: textFlag({ help: 'the domain of DNS names', value: 'NAME', fallback: 'rollcall' }),
  'session-timeout': sessionTimeoutFlag(),
  advertise: optionalFlagOf(readHostPort, HOST_PORT_HINT, {
    help: 'the address under which other aggregators list this one (default: --http)',
    value: 'HOST:PORT',
  }),
  config: configFlag(),
  'log-level': choiceFlag(LOG_LEVELS, { help: 'what is logged', fallback: 'info' }),

  protection: choiceFlag(['on', 'off'], {
    help: 'keep what vanished in one blow as suspects for a while',
    fallback: 'on',
  }),
  'protection-ratio': flagOf(readRatio, 'give a share above 0 and up to 1, like 0.7', {
    help: 'the share of a service that must vanish in one blow',
    value: 'SHARE',
    fallback: '0.7',
  }),
  'protection-hold': durationFlag({ help: 'how long suspects are kept', fallback: '30s' }),

  tokens: fileFlag({ help: 'who may do what over HTTP' }),
  insecure: switchFlag({
    help: 'let everybody write who can reach us, by whatever address or name',
  }),
  'tls-cert': fileFlag({ help: 'certificate (PEM) of the HTTP side' }),
  'tls-key': fileFlag({ help: 'its key (PEM)' }),
  ...zookeeperSecurityFlags(),

  'history-dir': textFlag({ help: 'keep the history over restarts', value: 'DIR' }),
  'metrics-services': integerFlag(0, 1_000_000, {
    help: 'at most so many services get metrics of their own',
    value: 'N',
    fallback: '5000',
  }),
  'audit-every': durationOrOffFlag({
    help: 'mean time between comparisons of the view with ZooKeeper',
    value: 'DURATION|off',
    fallback: '5m',
  }),
  'lame-duck': durationFlag({
    help: 'at a stop, how long /readyz fails before anything else happens',
    fallback: '0s',
  }),
  'shutdown-grace': durationFlag({
    help: 'at a stop, how long answers under way may take',
    fallback: '10s',
  }),

  demo: switchFlag({ help: 'a few demo providers that come, go and change' }),
});

export type ServeSettings = Readonly<z.output<typeof ServeFlags>>;
