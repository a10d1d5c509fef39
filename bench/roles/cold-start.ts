import { Registry } from 'prom-client';
import { openAggregator } from '../../src/aggregator/index.ts';
import { openSession } from '../../src/zookeeper/index.ts';
import { loadNodeByNode } from '../anchors/node-by-node.ts';
import { loadTogether } from '../anchors/read-together.ts';
import { stallMeter } from '../figures.ts';

const [role = '', servers = '', root = ''] = process.argv.slice(2);

type Load = (servers: string, root: string) => Promise<number>;

async function loadOurs(servers: string, root: string): Promise<number> {
  const session = await openSession({ servers, timeoutMs: 10_000 });
  const aggregator = await openAggregator({
    session,
    root,
    registry: new Registry(),
    address: '127.0.0.1:0',
    version: 'bench',
  });
  await aggregator.view.ready();
  return aggregator.view
    .services()
    .services.reduce((sum, service) => sum + service.counts.total, 0);
}

const meter = stallMeter();
const beganMs = performance.now();
const loads: Readonly<Record<string, Load>> = {
  ours: loadOurs,
  anchor: loadNodeByNode,
  together: loadTogether,
};
const load = loads[role];
if (load === undefined) throw new Error(`there is no role ${role}`);
const providers = await load(servers, root);
const tookMs = performance.now() - beganMs;
await new Promise(resolve => setImmediate(resolve));
process.send?.({
  tookMs,
  providers,
  stallMs: meter.stop(),
  rssMb: process.memoryUsage.rss() / 2 ** 20,
  cpuMs: process.cpuUsage().user / 1000,
});
process.once('disconnect', () => process.exit(0));
