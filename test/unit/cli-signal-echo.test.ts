import { expect, test } from 'vitest';
import { withoutEcho } from '../../src/cli/signal-echo.ts';
import type { StopSignal } from '../../src/cli/terminal.ts';

function listening(): {
  readonly heard: StopSignal[];
  readonly at: (ms: number, ...signals: readonly StopSignal[]) => void;
} {
  let now = 0;
  const heard: StopSignal[] = [];
  const told = withoutEcho(
    () => now,
    signal => void heard.push(signal),
  );
  return {
    heard,
    at(ms, ...signals) {
      now = ms;
      for (const signal of signals) told(signal);
    },
  };
}

test('of one Ctrl-C that arrives twice one is heard, and a later one is another', () => {
  const { heard, at } = listening();
  at(0, 'SIGINT', 'SIGINT');
  at(499, 'SIGINT');
  expect(heard).toEqual(['SIGINT']);
  at(500, 'SIGINT');
  expect(heard).toEqual(['SIGINT', 'SIGINT']);
});

test('another signal is no echo, and a hang-up is heard each time', () => {
  const { heard, at } = listening();
  at(0, 'SIGINT', 'SIGTERM', 'SIGHUP', 'SIGHUP');
  expect(heard).toEqual(['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGHUP']);
});
