import {
  createLogger,
  type Daemon,
  daemonConfig,
  ServeFlags,
  type ServeSettings,
  startDaemon,
} from '../daemon/index.ts';
import { deferred } from '../kernel/abort.ts';
import { errorText } from '../kernel/errors.ts';
import { command } from './command.ts';
import { SIGNAL_EXIT, type StopSignal, type Terminal } from './terminal.ts';

const STOP_WORDS = [
  'SIGTERM and SIGINT stop it in order: /readyz fails, after --lame-duck streams get their goodbye, answers under way are finished',
  'within --shutdown-grace, then the session is closed, and the embedded server ends last; the exit status is 143 or 130 then. A',
  'second signal ends it at once.',
];

export const serve = command({
  name: 'serve',
  summary: 'run the aggregator daemon',
  usage: '--zookeeper HOST:PORT[,HOST:PORT…][/CHROOT] | --embedded [FLAGS]',
  about: [
    'Watches the registry in ZooKeeper and shows it over HTTP. It starts while ZooKeeper is away, and goes on serving what it',
    'knew when it goes away. With --embedded it runs a ZooKeeper server of one node itself.',
    ...STOP_WORDS,
  ].join('\n'),
  examples: [
    'rollcall serve --zookeeper zk1:2181,zk2:2181,zk3:2181',
    'rollcall serve --zookeeper 127.0.0.1:2181 --http 0.0.0.0:7070 --tokens /etc/rollcall/tokens.yaml',
    'rollcall serve --embedded --data-dir /var/lib/rollcall',
  ],
  schema: ServeFlags,
  words: [0, 0],
  run: (settings, { terminal }) => runDaemon(settings, terminal),
});

export const dev = command({
  name: 'dev',
  summary: 'run the daemon with a ZooKeeper of its own, on this machine alone',
  usage: '[--data-dir DIR] [--demo] [FLAGS]',
  about: [
    'The same as serve, but that it means --embedded when no --zookeeper is named: a whole registry with nothing but Node. It',
    'says the URL of the daemon and the address of its ZooKeeper in one line.',
    ...STOP_WORDS,
  ].join('\n'),
  examples: [
    'rollcall dev',
    'rollcall dev --demo',
    'rollcall dev --data-dir ./registry --http 127.0.0.1:7080',
  ],
  schema: ServeFlags,
  words: [0, 0],
  run: (settings, { terminal }) =>
    runDaemon(
      settings.zookeeper === undefined ? { ...settings, embedded: true } : settings,
      terminal,
      ({ url, zookeeper }) =>
        terminal.complain(`rollcall: the daemon is at ${url}, its ZooKeeper at ${zookeeper}`),
    ),
});

async function runDaemon(
  settings: ServeSettings,
  terminal: Terminal,
  started: (daemon: Daemon) => void = () => undefined,
): Promise<number> {
  const config = daemonConfig(settings);
  const { clock, random, version } = terminal;
  const logger = createLogger({
    level: config.logLevel,
    readable: terminal.interactive,
    write: terminal.print,
  });
  terminal.onFatal(error => {
    const stack = error instanceof Error ? error.stack : undefined;
    logger.error({ error: errorText(error), stack }, 'nobody caught this: the daemon ends');
  });
  const stop = firstSignal(terminal);
  try {
    const daemon = await startDaemon(config, { clock, random, logger, version });
    try {
      started(daemon);
      const signal = await Promise.race([stop.signal, daemon.failed]);
      logger.info({ signal }, 'the daemon is stopping');
      return SIGNAL_EXIT[signal];
    } finally {
      await daemon.close();
      logger.info({}, 'the daemon has stopped');
    }
  } finally {
    stop.release();
  }
}

/** The first signal stops the daemon in order; the next one ends it at once. */
function firstSignal(terminal: Terminal): {
  readonly signal: Promise<StopSignal>;
  readonly release: () => void;
} {
  const first = deferred<StopSignal>();
  let told = false;
  const release = terminal.onSignal(signal => {
    if (told) terminal.exitNow(SIGNAL_EXIT[signal]);
    told = true;
    first.resolve(signal);
  });
  return { signal: first.promise, release };
}
