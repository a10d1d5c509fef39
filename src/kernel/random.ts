import { getRandomValues } from 'node:crypto';

/** A number in [0, 1), handed in wherever chance decides. Tests hand in a seeded one. */
export type Random = () => number;

const pool = new Uint32Array(256);
let next = pool.length;

/** From the system's generator, drawn in batches: 32 bits a number. */
export const systemRandom: Random = () => {
  if (next === pool.length) {
    getRandomValues(pool);
    next = 0;
  }
  const value = pool[next] ?? 0;
  next += 1;
  return value / 2 ** 32;
};
