import { expect, test } from 'vitest';
import { decodeAhead } from '../../src/aggregator/decode-ahead.ts';
import { listed } from '../support/derived-facts.ts';

/** A service of so many providers, which counts how many records were asked for. */
function service(providers: number) {
  const { record, ...facts } = listed('a');
  let asked = 0;
  const provider = {
    ...facts,
    get record() {
      asked += 1;
      return record;
    },
  };
  return {
    size: providers,
    values: () => Array.from({ length: providers }, () => provider),
    asked: () => asked,
  };
}

test('of large services every record is decoded, of small ones none', async () => {
  const [large, small] = [service(2_001), service(100)];
  await decodeAhead([small, large], () => true);
  expect([large.asked(), small.asked()]).toEqual([2_001, 0]);
});

test('no turn of the event loop decodes more than a few hundred, and it ends when it is no longer wanted', async () => {
  const large = service(10_000);
  let turns = 0;
  await decodeAhead([large], () => {
    turns += 1;
    expect(large.asked()).toBeLessThanOrEqual(turns * 500);
    return turns < 3;
  });
  expect(turns).toBe(3);
  expect(large.asked()).toBeLessThan(2_000);
});
