export interface BackoffOptions {
  readonly firstMs?: number;
  readonly capMs?: number;
}

/** The wait before attempt `attempt` (0-based): exponential, capped, with `jitter` (0..1) taking up to half of it away. */
export function backoffMs(attempt: number, jitter: number, options: BackoffOptions = {}): number {
  const { firstMs = 100, capMs = 30_000 } = options;
  const full = Math.min(capMs, firstMs * 2 ** Math.min(attempt, 30));
  return Math.round(full * (0.5 + jitter / 2));
}
