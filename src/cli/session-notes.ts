import type { Clock } from '../kernel/clock.ts';
import type { Session, SessionState } from '../zookeeper/index.ts';

/** So long may a first connection take before somebody is told that it does. */
const PATIENCE_MS = 2_000;

/** Tells people how the way to ZooKeeper stands, when it is not as it should be, and when it is again. */
export function tellOfSession(
  session: Pick<Session, 'state' | 'onState'>,
  servers: string,
  clock: Clock,
  say: (line: string) => void,
): () => void {
  let told = false;
  const tell = (line: string): void => {
    told = true;
    say(line);
  };
  const onState = (state: SessionState): void => {
    const reason =
      'reason' in state && state.reason !== undefined ? ` (${state.reason.message})` : '';
    if (state.kind === 'suspended')
      tell(`ZooKeeper at ${servers} does not answer${reason}: trying again`);
    if (state.kind === 'lost')
      tell(
        `the session with ZooKeeper is lost${reason}: it is announced again when ZooKeeper is back`,
      );
    if (state.kind === 'connecting' && reason !== '')
      tell(`no connection with ZooKeeper${reason}: trying again`);
    if (state.kind !== 'connected' || !told) return;
    told = false;
    say('ZooKeeper is back');
  };
  const timer = clock.after(
    PATIENCE_MS,
    () => {
      if (session.state.kind !== 'connecting' || told) return;
      tell(
        `ZooKeeper at ${servers} cannot be reached yet: the program runs, the announcement follows`,
      );
    },
    { unref: true },
  );
  const release = session.onState(onState);
  return () => {
    timer.cancel();
    release();
  };
}
