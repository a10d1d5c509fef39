const UNITS_MS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 };

/** What every duration that people write looks like. */
export const DURATION_HINT = 'a duration looks like 500ms, 10s, 2m or 1h';

/** Milliseconds of `500ms`, `10s`, `1.5s`, `2m`, `1h`; undefined when `text` is not a duration. */
export function parseDurationMs(text: string): number | undefined {
  const found = /^(\d{1,12}(?:\.\d{1,3})?)(ms|s|m|h)$/.exec(text.trim());
  const unitMs = UNITS_MS[found?.[2] ?? ''];
  return found === null || unitMs === undefined ? undefined : Math.round(Number(found[1]) * unitMs);
}

/** The shortest way to write `ms`: `90000` is `90s`, `120000` is `2m`. */
export function formatDurationMs(ms: number): string {
  for (const unit of ['h', 'm', 's']) {
    const unitMs = UNITS_MS[unit] ?? 1;
    if (ms >= unitMs && ms % unitMs === 0) return `${ms / unitMs}${unit}`;
  }
  return `${Math.round(ms)}ms`;
}
