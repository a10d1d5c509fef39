import { abortable, onAbort } from '../kernel/abort.ts';
import { hasCode, RollcallError } from '../kernel/errors.ts';
import type { JuteReader, JuteWriter } from '../kernel/jute.ts';
import type { SessionMetrics, SessionState, ZnodePath } from './api.ts';
import type { Pipeline, Reply } from './pipeline.ts';
import { operationName, requestFrame } from './protocol.ts';
import { serverError } from './server-errors.ts';

/**
 * What may be done when the answer was lost. `read`: asked again, with a signal even in a later epoch. `idempotent`: repeated, in
 * the same epoch: what an old epoch wanted written must not be written in a new one. `once`: it fails with CONNECTION_LOSS.
 */
export type Repetition = 'read' | 'idempotent' | 'once';

export interface CallOptions {
  readonly repeat: Repetition;
  readonly signal?: AbortSignal | undefined;
}

/** The right to send, given by `run` to each try. */
export interface Ticket {
  readonly untilEpoch: number;
  readonly signal: AbortSignal | undefined;
  /** Called once when this try's request has ended, however; for whoever brackets it. */
  readonly ended?: ((reply: Reply | undefined) => void) | undefined;
}

export interface RawCall<T> {
  readonly op: number;
  /** As the caller named it, for the error. */
  readonly path?: ZnodePath;
  readonly write?: (writer: JuteWriter) => void;
  /** Runs while the answer is handled, before any frame that follows it. */
  readonly read: (body: JuteReader, reply: Reply) => T;
  /** Codes of ZooKeeper's that `read` wants to see instead of an error. */
  readonly accept?: number;
}

export interface Calls {
  /**
   * Makes tries until one ends otherwise than by a lost connection, as far as `repeat` allows. The first is made before this returns.
   * @throws SESSION_LOST, SESSION_CLOSED, AUTH_FAILED, the signal's reason, or what the try failed with.
   */
  run<T>(options: CallOptions, attempt: (ticket: Ticket, tries: number) => Promise<T>): Promise<T>;
  /** One try through our own codec. */
  raw<T>(ticket: Ticket, call: RawCall<T>): Promise<T>;
  submit(
    request: { readonly op: number; readonly frame: Buffer },
    ticket: Ticket,
    done: Done,
  ): void;
}

export type Done = (failure: RollcallError | undefined, reply: Reply | undefined) => void;

export interface CallsOptions {
  readonly requests: Pipeline;
  readonly maxPacketBytes: number;
  readonly metrics: SessionMetrics | undefined;
  readonly lifecycle: { readonly state: SessionState; readonly epoch: number; look(): void };
}

export function calls(options: CallsOptions): Calls {
  const { requests, lifecycle } = options;

  /** The last epoch this call may be sent in. */
  const admit = ({ repeat, signal }: CallOptions): number => {
    signal?.throwIfAborted();
    lifecycle.look();
    const { state, epoch } = lifecycle;
    refuse(state);
    if (state.kind === 'lost' && signal === undefined) throw lost();
    if (repeat === 'read' && signal !== undefined) return Number.POSITIVE_INFINITY;
    return state.kind === 'lost' ? epoch + 1 : Math.max(1, epoch);
  };

  const readmit = (untilEpoch: number, signal: AbortSignal | undefined): void => {
    signal?.throwIfAborted();
    const { state, epoch } = lifecycle;
    refuse(state);
    const ended = state.kind === 'lost' ? untilEpoch <= epoch : untilEpoch < epoch;
    if (ended) throw lost();
  };

  const submit: Calls['submit'] = ({ op, frame }, ticket, done) => {
    const share = (frame.length - 4) / options.maxPacketBytes;
    options.metrics?.packet(share);
    const finish = (failure: RollcallError | undefined, reply: Reply | undefined): void => {
      forget();
      done(failure, reply);
      ticket.ended?.(failure === undefined ? reply : undefined);
    };
    let forget = (): void => undefined;
    if (share > 1) return finish(tooLarge(op, frame.length - 4, options.maxPacketBytes), undefined);
    const pending = { op, frame, untilEpoch: ticket.untilEpoch, done: finish };
    const { signal } = ticket;
    if (signal !== undefined) {
      forget = onAbort(signal, () => {
        if (requests.withdraw(pending))
          finish(
            new RollcallError('ABORTED', `${operationName(op)} was given up before it was sent`),
            undefined,
          );
      });
    }
    requests.push(pending);
  };

  return {
    submit,
    async run(callOptions, attempt) {
      const { repeat, signal } = callOptions;
      const untilEpoch = admit(callOptions);
      for (let tries = 0; ; tries += 1) {
        try {
          return await abortable(attempt({ untilEpoch, signal }, tries), signal);
        } catch (error) {
          signal?.throwIfAborted();
          if (repeat === 'once' || !hasCode(error, 'CONNECTION_LOSS')) throw error;
        }
        readmit(untilEpoch, signal);
      }
    },
    raw: (ticket, call) =>
      new Promise((resolve, reject) => {
        const frame = requestFrame(call.op, call.write);
        submit({ op: call.op, frame }, ticket, (failure, reply) => {
          if (failure !== undefined || reply === undefined) return reject(failure);
          if (reply.error !== 0 && reply.error !== call.accept)
            return reject(serverError(reply.error, operationName(call.op), call.path));
          try {
            resolve(call.read(reply.body, reply));
          } catch (error) {
            reject(error);
          }
        });
      }),
  };
}

function refuse(state: SessionState): void {
  if (state.kind === 'closed') throw new RollcallError('SESSION_CLOSED', 'the session was closed');
  if (state.kind !== 'connected' && state.reason !== undefined) throw state.reason;
}

function lost(): RollcallError {
  return new RollcallError(
    'SESSION_LOST',
    'the ZooKeeper session was lost before the operation was done',
  );
}

function tooLarge(op: number, bytes: number, maxPacketBytes: number): RollcallError {
  const details = { bytes, maxPacketBytes };
  return new RollcallError(
    'PACKET_TOO_LARGE',
    `${operationName(op)} would take a packet of ${bytes} bytes, the limit is ${maxPacketBytes}`,
    { details },
  );
}
