import type { MovesHistory, Step } from './moves.ts';

const write = (kind: 'put' | 'raze', service: string, node = 'n0', id = 'x'): Step =>
  kind === 'put'
    ? { on: 'tree', step: { kind, service, node, id } }
    : { on: 'tree', step: { kind, service } };

type Wire = 'apply' | 'serve' | 'receive' | 'drop' | 'attach';
const wire = (kind: Wire, times = 1): Step => ({ on: 'wire', step: { kind, replica: 0, times } });

const plain = { eventsCarryZxids: false, coalesceMs: 0, replayEvents: 1_000, maxTombstones: 100 };

/**
 * A service is found to be gone by a re-read, and is made again before that re-read is over: what was found is older than the event
 * that came in. (It was lost until the next audit.)
 */
const madeAgainDuringTheReRead: MovesHistory = {
  ...plain,
  steps: [
    write('put', 's'),
    wire('apply'),
    wire('serve'),
    wire('apply', 3),
    write('put', 't', 'n0', 'y'),
    wire('receive', 2),
    write('raze', 's'),
    wire('drop'),
    wire('attach'),
    wire('serve'),
    wire('receive'),
    write('put', 's', 'n1', 'y'),
    wire('apply', 2),
    wire('apply'),
    wire('serve'),
    wire('receive', 4),
    wire('apply', 3),
    wire('serve'),
  ],
};

/** Histories that once went wrong. */
export const knownMoves: readonly MovesHistory[] = [madeAgainDuringTheReRead];
