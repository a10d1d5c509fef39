import { onAbort } from '../kernel/abort.ts';
import { connectionLoss } from './server-errors.ts';
import { helloFrame, NEW_SESSION, readWelcome } from './handshake.ts';
import { type LinkOptions, openLink } from './link.ts';
import { OP, requestFrame, setXid } from './protocol.ts';

export interface ProbeOptions extends LinkOptions {
  readonly timeoutMs: number;
  readonly deadlineMs: number;
  readonly signal: AbortSignal;
}

/**
 * Whether a server takes clients at all: one without a quorum closes the connection in the handshake just like one that is behind
 * what we have seen. It opens a new session that has seen nothing, closes it, and leaves.
 */
export function takesNewSessions(options: ProbeOptions): Promise<boolean> {
  const { clock, timeoutMs, deadlineMs, signal } = options;
  return new Promise(resolve => {
    let isWelcome = false;
    const done = connectionLoss('the probe has ended');
    const link = openLink(options, {
      opened: () => link.write(helloFrame({ ...NEW_SESSION, lastZxid: 0n, timeoutMs })),
      frame(frame) {
        if (isWelcome) return link.destroy(done);
        isWelcome = readWelcome(frame).timeoutMs > 0;
        if (!isWelcome) return link.destroy(done);
        const farewell = requestFrame(OP.closeSession);
        setXid(farewell, 1);
        link.write(farewell);
      },
      gone() {
        deadline.cancel();
        forget();
        resolve(isWelcome);
      },
    });
    const deadline = clock.after(deadlineMs, () => link.destroy(done));
    const forget = onAbort(signal, () => link.destroy(done));
  });
}
