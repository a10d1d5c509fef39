import { test } from 'vitest';

declare module 'vitest' {
  interface TaskMeta {
    /** Why this test is not run here. */
    notRun?: string;
  }
}

/** As much of `test` as suits a test that cannot be run everywhere. */
export type SometimesTest = (
  title: string,
  body: () => Promise<void> | void,
  timeoutMs?: number,
) => void;

/** A test that cannot be run here. Its reason goes into the report: whoever ran the tests is told which are missing, and why. */
export function notRun(why: string): SometimesTest {
  return (title, body) => test.skip(title, { meta: { notRun: why } }, body);
}
