/** A whole aggregator with its HTTP face; says what its feed says, when it says it. */
import { Registry } from 'prom-client';
import { openAggregator } from '../../src/aggregator/index.ts';
import { startServer } from '../../src/http/index.ts';
import { systemClock } from '../../src/kernel/clock.ts';
import { silentLogger } from '../../src/kernel/log.ts';
import { openSession } from '../../src/zookeeper/index.ts';
import { wallNowMs } from '../figures.ts';
import { tell, tellAfterwards } from './messages.ts';

const [servers = '', root = '', service = ''] = process.argv.slice(2);
const session = await openSession({ servers, timeoutMs: 10_000 });
const registry = new Registry();
const shared = { registry, version: 'bench' };
const aggregator = await openAggregator({ session, root, address: '127.0.0.1:0', ...shared });
await aggregator.view.ready();
const server = await startServer({
  listen: { host: '127.0.0.1', port: 0 },
  aggregator,
  metrics: { render: () => aggregator.metrics.render(), registry },
  logger: silentLogger,
  clock: systemClock,
  random: Math.random,
  version: 'bench',
});
aggregator.feed.subscribe({
  services: [service],
  onBatch(batch) {
    const atMs = wallNowMs();
    for (const event of batch.events) {
      if (event.type === 'joined')
        tellAfterwards({ kind: 'seen', by: 'ours', id: event.provider.id, present: true, atMs });
      if (event.type === 'left')
        tellAfterwards({ kind: 'seen', by: 'ours', id: event.id, present: false, atMs });
    }
    return true;
  },
  onEnd: () => process.exit(1),
});
tell({ kind: 'ready', url: server.url });
process.once('disconnect', () => process.exit(0));
