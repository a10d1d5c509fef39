import { setImmediate as nextTurn } from 'node:timers/promises';
import { expect, onTestFinished, test } from 'vitest';
import { manualClock } from '../../src/testing/index.ts';
import { openMirror } from '../../src/zookeeper/index.ts';
import { modelSession, modelZooKeeper } from '../support/model-zookeeper.ts';

test('what was noted as new when the connection broke is read whole: nothing announces what it got meanwhile', async () => {
  const zookeeper = modelZooKeeper();
  zookeeper.put('/r', '');
  const wire = modelSession(zookeeper, { applied: 1, eventsCarryZxids: false });
  const mirror = openMirror(wire.session, { roots: ['/r'], auditEveryMs: 0, clock: manualClock() });
  onTestFinished(() => mirror.close());
  const serve = async (): Promise<void> => {
    for (let quiet = 0; quiet < 3; quiet += 1) {
      while (wire.serve() || wire.receive()) {
        quiet = 0;
        await nextTurn();
      }
      await nextTurn();
    }
  };
  wire.attach();
  await serve();
  zookeeper.put('/r/directory', '');
  wire.apply();
  wire.receive();
  wire.drop();
  zookeeper.put('/r/directory/child', '');
  wire.apply();
  wire.attach();
  await serve();
  wire.ping();
  await serve();
  expect(mirror.watermark).toBe(3n);
  expect(mirror.children('/r/directory')).toEqual(['child']);
});
