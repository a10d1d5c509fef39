import { spawnSync } from 'node:child_process';
import { test } from 'vitest';
import { aptInstall } from './apt.ts';
import { notRun, type SometimesTest } from './not-run.ts';

/** A test that needs a program which not every machine has. It is installed where a test run may install what it needs. */
export function needs(program: 'openssl' | 'promtool'): SometimesTest {
  const package_ = program === 'promtool' ? 'prometheus' : 'openssl';
  if (!starts(program)) aptInstall(package_);
  if (starts(program)) return test;
  return notRun(`${program} is missing: install the package ${package_}`);
}

const starts = (program: string): boolean =>
  spawnSync(program, ['--version'], { stdio: 'ignore' }).error === undefined;
