import { Counter, Gauge, type Registry } from 'prom-client';
import type { SessionMetrics, SessionState } from './api.ts';
import type { MirrorMetrics } from './mirror-api.ts';

const STATES: readonly SessionState['kind'][] = [
  'connecting',
  'connected',
  'suspended',
  'lost',
  'closed',
];
/** Shares of `jute.maxbuffer`: peers with the Java client fail at the whole of it. */
const WARNING_SHARE = 0.5;
const ALARM_SHARE = 0.8;

/** Counts a share near the limit once, by how near it came. */
function shareCounter(name: string, help: string, register: Registry): (share: number) => void {
  const counter = new Counter({
    name,
    help,
    labelNames: ['level'] as const,
    registers: [register],
  });
  const counts = { warning: counter.labels('warning'), alarm: counter.labels('alarm') };
  return share => {
    if (share >= ALARM_SHARE) counts.alarm.inc();
    else if (share >= WARNING_SHARE) counts.warning.inc();
  };
}

/** The session's state, epochs, and packets that come near `jute.maxbuffer`. */
export function sessionMetrics(register: Registry): SessionMetrics {
  const registers = [register];
  const state = new Gauge({
    name: 'rollcall_session_state',
    help: 'State of the ZooKeeper session: 1 for the present one.',
    labelNames: ['state'] as const,
    registers,
  });
  const transitions = new Counter({
    name: 'rollcall_session_transitions_total',
    help: 'Session state changes, by the state entered.',
    labelNames: ['to'] as const,
    registers,
  });
  const epochs = new Gauge({
    name: 'rollcall_session_epoch',
    help: 'Epoch of the ZooKeeper session: 1 at the first attachment, one more after each loss.',
    registers,
  });
  const packet = shareCounter(
    'rollcall_session_packets_near_limit_total',
    'Packets above 50 % (warning) or 80 % (alarm) of jute.maxbuffer.',
    register,
  );
  const show = (present: SessionState['kind']): void => {
    for (const kind of STATES) state.labels(kind).set(kind === present ? 1 : 0);
  };
  for (const kind of STATES) transitions.labels(kind).inc(0);
  show('connecting');
  return {
    entered(kind, epoch) {
      show(kind);
      transitions.labels(kind).inc();
      epochs.set(epoch);
    },
    packet,
  };
}

/** The mirror's size, the paths that it cannot read, the differences its audits found (both should stay 0), and child lists that come near `jute.maxbuffer`. */
export function mirrorMetrics(register: Registry): MirrorMetrics {
  const registers = [register];
  const nodes = new Gauge({
    name: 'rollcall_mirror_nodes',
    help: 'Znodes in the mirror.',
    registers,
  });
  const untrusted = new Gauge({
    name: 'rollcall_mirror_untrusted',
    help: 'Paths that could not be read (a missing right, for one): what was known of them is kept.',
    registers,
  });
  const drift = new Counter({
    name: 'rollcall_mirror_drift_total',
    help: 'Differences between mirror and ZooKeeper that an audit found.',
    registers,
  });
  const childList = shareCounter(
    'rollcall_mirror_child_lists_near_limit_total',
    'Child lists read whose encoding is above 50 % (warning) or 80 % (alarm) of jute.maxbuffer.',
    register,
  );
  return {
    drift: count => drift.inc(count),
    nodes: count => nodes.set(count),
    untrusted: count => untrusted.set(count),
    childList,
  };
}
