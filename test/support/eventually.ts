import { vi } from 'vitest';

/** Less than a test's own time, so that a wait that ends in vain says what it waited for. */
const PATIENCE = { timeout: 20_000, interval: 20 };

/** Waits until the expectations hold; patient, since a slow machine is no failure. */
export function eventually<T>(
  expectations: () => T | Promise<T>,
  options: Partial<typeof PATIENCE> = {},
): Promise<T> {
  return vi.waitFor(expectations, { ...PATIENCE, ...options });
}
