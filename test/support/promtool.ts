import { spawnSync } from 'node:child_process';
import { aptInstall } from './apt.ts';

export interface PromtoolVerdict {
  readonly status: number | null;
  readonly output: string;
}

/** `promtool check metrics`, installed where a test run may install what it needs. */
export function checkMetrics(page: Buffer | string): PromtoolVerdict {
  const check = () =>
    spawnSync('promtool', ['check', 'metrics'], { input: page, encoding: 'utf8' });
  let checked = check();
  if (checked.error !== undefined) {
    aptInstall('prometheus');
    checked = check();
  }
  if (checked.error !== undefined) {
    throw new Error('promtool is missing: install the package prometheus', {
      cause: checked.error,
    });
  }
  return { status: checked.status, output: `${checked.stdout}${checked.stderr}` };
}
