/**
 * The load of the `embedded` bench, from a process of its own: creates and reads with 64 requests in flight, then changes that a
 * second session watches, one by one. It warms itself up first, tells what it measured, and takes its nodes away when it is told to.
 */
import { deferred } from '../../src/kernel/abort.ts';
import { openSession, type Session } from '../../src/zookeeper/index.ts';
import { median } from '../figures.ts';
import { providerBytes, serviceName } from '../load.ts';
import type { LoadMessage } from './messages.ts';

const IN_FLIGHT = 64;
const REMOVES_PER_MULTI = 500;

interface Counts {
  readonly creates: number;
  readonly reads: number;
  readonly changes: number;
}

const WARM_UP: Counts = { creates: 15_000, reads: 30_000, changes: 500 };
const MEASURED: Counts = { creates: 20_000, reads: 60_000, changes: 1_000 };

const [servers = '', directory = ''] = process.argv.slice(2);
const writer = await openSession({ servers, timeoutMs: 30_000 });
const watcher = await openSession({ servers, timeoutMs: 30_000 });
await Promise.all([writer.connected(), watcher.connected()]);
await writer.ensurePath(directory);

/** Operations per second. */
async function inFlight(count: number, work: (index: number) => Promise<unknown>): Promise<number> {
  let next = 0;
  const lane = async (): Promise<void> => {
    for (let index = next++; index < count; index = next++) await work(index);
  };
  const beganMs = performance.now();
  await Promise.all(Array.from({ length: IN_FLIGHT }, lane));
  return count / ((performance.now() - beganMs) / 1000);
}

/** Milliseconds from the write to the callback, of each change. */
async function watched(changes: number): Promise<readonly number[]> {
  const path = `${directory}/watched`;
  const latencies: number[] = [];
  await writer.create(path, providerBytes(serviceName(0), 0));
  for (let change = 0; change < changes; change += 1) {
    const heard = deferred<number>();
    await watcher.watchData(path, () => heard.resolve(performance.now()));
    const beganMs = performance.now();
    const writing = writer.setData(path, providerBytes(serviceName(0), change), -1);
    latencies.push((await heard.promise) - beganMs);
    await writing;
  }
  await writer.remove(path, -1);
  return latencies;
}

async function load({ creates, reads, changes }: Counts, paths: string[]): Promise<LoadMessage> {
  const data = providerBytes(serviceName(0), 0);
  const createsPerS = await inFlight(creates, async () => {
    const { path } = await writer.create(`${directory}/n-`, data, {
      mode: 'persistent-sequential',
    });
    paths.push(path);
  });
  const readsPerS = await inFlight(reads, index =>
    writer.getData(paths[index % paths.length] ?? ''),
  );
  return { createsPerS, readsPerS, watchMs: median(await watched(changes)) };
}

async function removeAll(session: Session, paths: readonly string[]): Promise<void> {
  for (let from = 0; from < paths.length; from += REMOVES_PER_MULTI) {
    const transaction = session.transaction();
    for (const path of paths.slice(from, from + REMOVES_PER_MULTI)) transaction.remove(path, -1);
    await transaction.commit();
  }
  await session.remove(directory, -1);
}

const paths: string[] = [];
await load(WARM_UP, paths);
process.send?.(await load(MEASURED, paths));
await new Promise(resolve => process.once('message', resolve));
await removeAll(writer, paths);
await Promise.all([writer.close(), watcher.close()]);
process.disconnect();
