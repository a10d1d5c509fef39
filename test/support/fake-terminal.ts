import type { StopSignal, Terminal } from '../../src/cli/terminal.ts';
import { systemClock } from '../../src/kernel/clock.ts';

export interface FakeTerminal extends Terminal {
  readonly printed: string[];
  readonly complaints: string[];
  send(signal: StopSignal): void;
}

/** A terminal that remembers what was written on it. */
export function fakeTerminal(some: Partial<Terminal> = {}): FakeTerminal {
  const printed: string[] = [];
  const complaints: string[] = [];
  const heard = new Set<(signal: StopSignal) => void>();
  return {
    env: {},
    version: '1.2.3',
    clock: systemClock,
    random: () => 0.5,
    interactive: false,
    keyboard: false,
    print: text => void printed.push(text),
    complain: text => void complaints.push(text),
    async write(text) {
      printed.push(text);
    },
    async *input() {
      yield Buffer.alloc(0);
    },
    onSignal(listener) {
      heard.add(listener);
      return () => void heard.delete(listener);
    },
    exitNow: () => undefined,
    onFatal: () => undefined,
    ...some,
    printed,
    complaints,
    send(signal) {
      for (const listener of heard) listener(signal);
    },
  };
}
