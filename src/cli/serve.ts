import { createLogger, daemonConfig, ServeFlags, startDaemon } from '../daemon/index.ts';
import { deferred } from '../kernel/abort.ts';
import { errorText } from '../kernel/errors.ts';
import { command } from './command.ts';
import { SIGNAL_EXIT, type StopSignal, type Terminal } from './terminal.ts';

export const serve = command({
  name: 'serve',
  summary: 'run the aggregator daemon',
  usage: '--zookeeper HOST:PORT[,HOST:PORT…][/CHROOT] [FLAGS]',
  about: [
    'Watches the registry in ZooKeeper and shows it over HTTP. It starts while ZooKeeper is away, and goes on serving what it',
    'knew when it goes away. SIGTERM and SIGINT stop it in order: /readyz fails, after --lame-duck streams get their goodbye,',
    'answers under way are finished within --shutdown-grace, then the session is closed; the exit status is 143 or 130 then. A',
    'second signal ends it at once.',
  ].join('\n'),
  examples: [
    'rollcall serve --zookeeper zk1:2181,zk2:2181,zk3:2181',
    'rollcall serve --zookeeper 127.0.0.1:2181 --http 0.0.0.0:7070 --tokens /etc/rollcall/tokens.yaml',
  ],
  schema: ServeFlags,
  words: [0, 0],
  async run(settings, { terminal }) {
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
  },
});

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
