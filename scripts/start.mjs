// npm start: runs `rollcall serve` with the flags given; when they name no ZooKeeper, on a real one of its own, in a temporary folder.
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parse } from 'yaml';
import { startZooKeeper, findZooKeeper } from '../dist/testing/index.js';
import { ensureZooKeeper } from './find-zookeeper.mjs';

const flags = process.argv.slice(2);
const main = fileURLToPath(new URL('../dist/cli/main.js', import.meta.url));

/** The value of `--name value` or `--name=value`; '' when it is there without one. */
function flag(name) {
  const index = flags.findIndex(word => word === `--${name}` || word.startsWith(`--${name}=`));
  if (index === -1) return undefined;
  const [, inline] = flags[index].split(/=(.*)/s);
  return inline ?? flags[index + 1] ?? '';
}

/** Whether the user says where ZooKeeper is. A config file that cannot be read is for `serve` to complain about. */
function namesZooKeeper() {
  if (flag('zookeeper') !== undefined || process.env.ROLLCALL_ZOOKEEPER) return true;
  if (flag('embedded') !== undefined) return true;
  const file = flag('config') ?? process.env.ROLLCALL_CONFIG;
  if (!file) return false;
  try {
    return Boolean(parse(readFileSync(file, 'utf8'))?.zookeeper);
  } catch {
    return true;
  }
}

const served = ['serve', ...flags];
if (!namesZooKeeper() && flag('help') === undefined) {
  const installation = ensureZooKeeper(findZooKeeper);
  // It ends, and its folder goes, when this process ends, however that happens.
  const zookeeper = await startZooKeeper({
    installation,
    port: 2181,
    tickTimeMs: 500,
    keepAlive: false,
  });
  served.push('--zookeeper', zookeeper.connectString);
  process.stderr.write(
    `rollcall: no --zookeeper given: using a temporary ZooKeeper ${zookeeper.version} (from ${installation.folder}) on ${zookeeper.connectString}; all it holds is gone when this ends\n`,
  );
}
process.argv.splice(1, process.argv.length - 1, main, ...served);
await import('../dist/cli/main.js');
