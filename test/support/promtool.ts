import { spawnSync } from 'node:child_process';

export interface PromtoolVerdict {
  readonly status: number | null;
  readonly output: string;
}

/** `promtool check metrics`. */
export function checkMetrics(page: Buffer | string): PromtoolVerdict {
  const { error, status, stdout, stderr } = spawnSync('promtool', ['check', 'metrics'], {
    input: page,
    encoding: 'utf8',
  });
  if (error !== undefined) throw error;
  return { status, output: `${stdout}${stderr}` };
}
