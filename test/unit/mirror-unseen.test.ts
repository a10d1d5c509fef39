import { setImmediate as nextTurn } from 'node:timers/promises';
import { expect, onTestFinished, test } from 'vitest';
import { manualClock } from '../../src/testing/index.ts';
import { openMirror } from '../../src/zookeeper/index.ts';
import { type ModelSession, modelSession, modelZooKeeper } from '../support/model-zookeeper.ts';

/** Serves and delivers until nothing is left. */
async function exhaust(wire: ModelSession): Promise<void> {
  for (let quiet = 0; quiet < 3; quiet += 1) {
    while (wire.serve() || wire.receive()) {
      quiet = 0;
      await nextTurn();
    }
    await nextTurn();
  }
}

test('what was noted as new when the connection broke is read whole: nothing announces what it got meanwhile', async () => {
  const zookeeper = modelZooKeeper();
  zookeeper.put('/r', '');
  const wire = modelSession(zookeeper, { applied: 1, eventsCarryZxids: false });
  const mirror = openMirror(wire.session, { roots: ['/r'], auditEveryMs: 0, clock: manualClock() });
  onTestFinished(() => mirror.close());
  wire.attach();
  await exhaust(wire);
  zookeeper.put('/r/directory', '');
  wire.apply();
  wire.receive();
  wire.drop();
  zookeeper.put('/r/directory/child', '');
  wire.apply();
  wire.attach();
  await exhaust(wire);
  wire.ping();
  await exhaust(wire);
  expect(mirror.watermark).toBe(3n);
  expect(mirror.children('/r/directory')).toEqual(['child']);
});

test('W does not pass what came and went in a directory that went too, before that is known of the directory', async () => {
  const zookeeper = modelZooKeeper();
  zookeeper.put('/r/a', '');
  const wire = modelSession(zookeeper, { applied: 2, eventsCarryZxids: true });
  const mirror = openMirror(wire.session, { roots: ['/r'], auditEveryMs: 0, clock: manualClock() });
  onTestFinished(() => mirror.close());
  wire.attach();
  await exhaust(wire);
  zookeeper.put('/r/a/directory/child', '');
  zookeeper.remove('/r/a');
  for (let event = 0; event < 5; event += 1) wire.apply();
  for (let event = 0; event < 4; event += 1) wire.receive();
  await nextTurn();
  wire.receive();
  wire.serve();
  wire.receive();
  await nextTurn();
  expect(mirror.get('/r/a')).toBeDefined();
  expect(mirror.watermark).toBeLessThan(5n);
  await exhaust(wire);
  expect(mirror.get('/r/a')).toBeUndefined();
  expect(mirror.watermark).toBe(7n);
});
