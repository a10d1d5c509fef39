import type { Child } from './child.ts';
import type { Presence } from './presence.ts';
import type { StopSignal, Terminal } from './terminal.ts';
import { type CheckPlan, watchCheck } from './watch-check.ts';

/** How long the program waits for its signal while ZooKeeper is told that it drains. */
const DRAIN_WITHIN_MS = 2_000;
const LEAVE_WITHIN_MS = 5_000;

export interface SidecarOptions {
  readonly child: Child;
  readonly presence: Presence;
  readonly check: CheckPlan | undefined;
  readonly terminal: Terminal;
  readonly say: (line: string) => void;
}

/**
 * Keeps a provider listed for as long as its program lives and passes its check; resolves with the program's exit status once
 * it has ended and its node is gone (or ZooKeeper did not answer in time: then its session expires).
 *
 * SIGTERM and SIGINT: draining first, then the signal goes to the program; a second one goes to it at once. SIGHUP is passed
 * on as it is.
 */
export async function runSidecar(options: SidecarOptions): Promise<number> {
  const { child, presence, check, terminal, say } = options;
  const ended = new AbortController();
  const release = terminal.onSignal(stopping(options));
  const checking =
    check === undefined
      ? Promise.resolve(presence.want('up'))
      : watchCheck(check, terminal.clock, ended.signal, (passing, reason) => {
          say(passing ? 'the check passes: up' : `the check fails (${reason}): down`);
          presence.want(passing ? 'up' : 'down');
        });
  try {
    const { status, problem } = await child.exited;
    if (problem !== undefined) say(problem);
    return status;
  } finally {
    ended.abort();
    await checking;
    await presence.leave(LEAVE_WITHIN_MS);
    release();
  }
}

function stopping({
  child,
  presence,
  terminal,
  say,
}: SidecarOptions): (signal: StopSignal) => void {
  let draining = false;
  const pass = (signal: StopSignal): void => {
    // the terminal has sent its Ctrl-C to the program, too: a second one would be one too many
    if (signal !== 'SIGINT' || !terminal.keyboard) child.kill(signal);
  };
  return signal => {
    if (signal === 'SIGHUP' || draining) {
      child.kill(signal);
      return;
    }
    draining = true;
    say(`${signal}: draining`);
    void presence.drain(DRAIN_WITHIN_MS).then(() => pass(signal));
  };
}
