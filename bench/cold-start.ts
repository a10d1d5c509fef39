/**
 * From nothing to a complete view of 1 000 services × 100 providers: our aggregator (session, watches, multiRead, parsed and
 * indexed) beside node-zookeeper-client reading node by node (lists and nodes watched, JSON parsed), and beside the bare reading and
 * parsing that every view must do, each in a fresh process, in turn.
 */
import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { startZooKeeper } from '../src/testing/index.ts';
import { median, report } from './figures.ts';
import { registerLoad } from './load.ts';

const ROOT = '/rollcall';
const SERVICES = Number(process.env['BENCH_SERVICES'] ?? 1000);
const PER_SERVICE = 100;
const ROUNDS = Number(process.env['BENCH_ROUNDS'] ?? 5);

interface ColdStart {
  readonly tookMs: number;
  readonly providers: number;
  readonly stallMs: number;
  readonly rssMb: number;
}

function inFreshProcess(role: 'ours' | 'anchor' | 'together', servers: string): Promise<ColdStart> {
  return new Promise((resolve, reject) => {
    const child = fork(fileURLToPath(new URL('./roles/cold-start.js', import.meta.url)), [
      role,
      servers,
      ROOT,
    ]);
    child.once('message', message => {
      resolve(message as ColdStart);
      child.disconnect();
    });
    child.once('exit', code =>
      reject(new Error(`the ${role} process ended with ${String(code)} and no figure`)),
    );
  });
}

await using zooKeeper = await startZooKeeper({ tickTimeMs: 2000, profile: 'production' });
process.stdout.write(`registering ${SERVICES * PER_SERVICE} providers …\n`);
const sessions = await registerLoad(zooKeeper.connectString, {
  root: ROOT,
  services: SERVICES,
  perService: PER_SERVICE,
});
const ours: ColdStart[] = [];
const anchor: ColdStart[] = [];
const together: ColdStart[] = [];
for (let round = 0; round < ROUNDS; round += 1) {
  anchor.push(await inFreshProcess('anchor', zooKeeper.connectString));
  ours.push(await inFreshProcess('ours', zooKeeper.connectString));
  together.push(await inFreshProcess('together', zooKeeper.connectString));
}
await Promise.all(sessions.map(session => session.close()));
for (const run of [...ours, ...anchor, ...together]) {
  if (run.providers !== SERVICES * PER_SERVICE)
    throw new Error(`${run.providers} providers were read, not ${SERVICES * PER_SERVICE}`);
}
const took = (runs: readonly ColdStart[]): number => median(runs.map(run => run.tookMs));
const stall = Math.max(...ours.map(run => run.stallMs));
const faster = took(anchor) / took(ours);
const held = report(
  `cold start, ${SERVICES} services × ${PER_SERVICE} providers, median of ${ROUNDS}`,
  [
    {
      what: `until live (${faster.toFixed(1)} times faster)`,
      ours: took(ours),
      anchor: took(anchor),
      unit: 'ms',
      must: '≥ 12 times faster',
      holds: faster >= 12,
    },
    {
      what: 'until live, beside what no view can do without: multiRead and JSON.parse',
      ours: took(ours),
      anchor: took(together),
      unit: 'ms',
    },
    {
      what: 'longest event-loop stall, worst run',
      ours: stall,
      anchor: Math.max(...anchor.map(run => run.stallMs)),
      unit: 'ms',
      must: '≤ 50 ms',
      holds: stall <= 50,
    },
    {
      what: 'resident memory when live',
      ours: median(ours.map(run => run.rssMb)),
      anchor: median(anchor.map(run => run.rssMb)),
      unit: 'MB',
    },
  ],
);
process.exitCode = held ? 0 : 1;
