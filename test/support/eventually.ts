import { vi } from 'vitest';

/** Waits until the expectations hold; patient, since a slow machine is no failure. */
export function eventually<T>(expectations: () => T | Promise<T>): Promise<T> {
  return vi.waitFor(expectations, { timeout: 20_000, interval: 20 });
}
