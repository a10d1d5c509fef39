import { cpus, totalmem } from 'node:os';

/** The value below which `share` (0..1) of the samples lie. */
export function quantile(samples: readonly number[], share: number): number {
  const sorted = samples.toSorted((a, b) => a - b);
  if (sorted.length === 0) return Number.NaN;
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? Number.NaN;
}

export const median = (samples: readonly number[]): number => quantile(samples, 0.5);

/** Wall-clock milliseconds with fractions: comparable between the processes of one machine. */
export function wallNowMs(): number {
  return performance.timeOrigin + performance.now();
}

export function machineLine(): string {
  const [first] = cpus();
  return `${cpus().length} × ${first?.model.trim() ?? 'unknown CPU'}, ${Math.round(totalmem() / 2 ** 30)} GiB, Node ${process.version}, ${process.platform}`;
}

/** The longest time the event loop did not turn, in milliseconds, measured by a timer of 1 ms. */
export function stallMeter(): { stop(): number } {
  let last = performance.now();
  let worst = 0;
  const timer = setInterval(() => {
    const now = performance.now();
    worst = Math.max(worst, now - last - 1);
    last = now;
  }, 1);
  return {
    stop() {
      clearInterval(timer);
      return Math.max(worst, performance.now() - last - 1);
    },
  };
}

export interface Row {
  readonly what: string;
  readonly ours: number;
  readonly anchor: number | undefined;
  readonly unit: string;
  /** What must hold, in words and as a test. */
  readonly must?: string;
  readonly holds?: boolean;
}

const shown = (value: number | undefined): string =>
  value === undefined ? '-' : value >= 100 ? value.toFixed(0) : value.toFixed(2);

/** Prints a Markdown table of ours beside the anchor, with the ratio, and returns whether every must held. */
export function report(title: string, rows: readonly Row[]): boolean {
  process.stdout.write(`\n## ${title}\n\n${machineLine()}\n\n`);
  process.stdout.write(
    '| what | ours | anchor | ours / anchor | unit | must | holds |\n|---|---|---|---|---|---|---|\n',
  );
  for (const row of rows) {
    const ratio = row.anchor === undefined ? '-' : (row.ours / row.anchor).toFixed(3);
    const verdict = row.holds === undefined ? '' : row.holds ? 'yes' : '**no**';
    process.stdout.write(
      `| ${row.what} | ${shown(row.ours)} | ${shown(row.anchor)} | ${ratio} | ${row.unit} | ${row.must ?? ''} | ${verdict} |\n`,
    );
  }
  return rows.every(row => row.holds !== false);
}
