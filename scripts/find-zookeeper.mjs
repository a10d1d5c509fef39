// Finds a real ZooKeeper, and installs Debian's when that may be done.
import { spawnSync } from 'node:child_process';

const PACKAGES = { zookeeper: 'zookeeper', java: 'default-jre-headless' };

/**
 * Finds one, or installs it and looks again.
 *
 * @param {typeof import('../src/testing/index.ts').findZooKeeper} findZooKeeper of the build in use
 */
export function provideZooKeeper(findZooKeeper) {
  const search = findZooKeeper();
  if (search.kind === 'found' || !mayInstall(search.missing)) return search;
  install(search.missing.map(what => PACKAGES[what]));
  return findZooKeeper();
}

/** Ends this process, with one line that says what to do, when there is none. */
export function ensureZooKeeper(findZooKeeper) {
  const search = provideZooKeeper(findZooKeeper);
  if (search.kind === 'found') return;
  process.stderr.write(`rollcall: ${search.advice}\n`);
  process.exit(1);
}

/** Never for a ZOOKEEPER_HOME that holds none: whoever set it wants that one. */
function mayInstall(missing) {
  if (missing.includes('zookeeper') && process.env.ZOOKEEPER_HOME) return false;
  return process.getuid?.() === 0 && spawnSync('apt-get', ['--version']).error === undefined;
}

function install(packages) {
  process.stderr.write(`rollcall: installing ${packages.join(' and ')} with apt-get\n`);
  const args = ['install', '-y', '--no-install-recommends', ...packages];
  if (aptGet(args)) return;
  aptGet(['update']);
  aptGet(args);
}

/** apt's own words only when it failed. */
function aptGet(args) {
  const { status, stdout, stderr } = spawnSync('apt-get', args, {
    encoding: 'utf8',
    maxBuffer: 64 * 1024 * 1024,
    env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
  });
  if (status !== 0) {
    const words = `${stdout ?? ''}${stderr ?? ''}`.trim().split('\n').slice(-5).join('\n');
    process.stderr.write(`rollcall: apt-get ${args[0]} failed:\n${words}\n`);
  }
  return status === 0;
}
