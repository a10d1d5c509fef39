import { RollcallError } from '../kernel/errors.ts';
import type { JuteReader, JuteWriter } from '../kernel/jute.ts';
import type { Transaction, TransactionResult, ZnodePath } from './api.ts';
import { checkAcl, OPEN_ACL } from './acl.ts';
import type { RawCall } from './calls.ts';
import type { EphemeralBudget } from './ephemeral-budget.ts';
import { type Chroot, checkPath } from './path.ts';
import { CREATE_MODES, OP, readStat, writeCreate } from './protocol.ts';
import { getEphemeralsCall, type OperationContext } from './reads.ts';
import { isRefusal, serverError } from './server-errors.ts';

/** One write of a transaction: how it goes out. */
interface Step {
  readonly op: number;
  readonly path: ZnodePath;
  readonly ephemeral: boolean;
  readonly write: (writer: JuteWriter) => void;
}

type Outcome = TransactionResult | { readonly kind: 'error'; readonly zookeeperCode: number };

const RUNTIME_INCONSISTENCY = -2;

export interface TransactionContext extends OperationContext {
  readonly budget: EphemeralBudget;
}

export function transaction(context: TransactionContext): Transaction {
  const { calls, chroot, budget } = context;
  const steps: Step[] = [];
  let spent = false;

  const add = (step: Step): Transaction => {
    if (spent) throw new RollcallError('BAD_ARGUMENTS', 'the transaction was committed already');
    steps.push(step);
    return built;
  };

  const built: Transaction = {
    get size() {
      return steps.length;
    },
    check(path, version) {
      const serverPath = chroot.toServer(checkPath(path));
      return add({
        op: OP.check,
        path,
        ephemeral: false,
        write: writer => writer.string(serverPath).int(version),
      });
    },
    create(path, data, { mode = 'persistent', acl = OPEN_ACL, ttlMs } = {}) {
      const { op, ephemeral, sequential } = CREATE_MODES[mode];
      const serverPath = chroot.toServer(checkPath(path, sequential));
      const body = { path: serverPath, data, acl: checkAcl(acl), mode, ttlMs };
      return add({ op, path, ephemeral, write: writer => writeCreate(writer, body) });
    },
    setData(path, data, version) {
      const serverPath = chroot.toServer(checkPath(path));
      return add({
        op: OP.setData,
        path,
        ephemeral: false,
        write: writer => writer.string(serverPath).bytes(data).int(version),
      });
    },
    remove(path, version) {
      const serverPath = chroot.toServer(checkPath(path));
      return add({
        op: OP.delete,
        path,
        ephemeral: false,
        write: writer => writer.string(serverPath).int(version),
      });
    },
    async commit(options) {
      if (spent) throw new RollcallError('BAD_ARGUMENTS', 'the transaction was committed already');
      spent = true;
      if (steps.length === 0) return [];
      const signal = options?.signal;
      const owned = (): Promise<readonly ZnodePath[]> =>
        calls.run({ repeat: 'read', signal }, ticket =>
          calls.raw(ticket, getEphemeralsCall(chroot, '/')),
        );
      const ephemerals = steps.filter(({ ephemeral }) => ephemeral).map(({ path }) => path);
      const reserved = ephemerals.length === 0 ? [] : await budget.reserve(ephemerals, owned);
      const settled = (wasMade: boolean): void =>
        reserved.forEach((reservation, index) => {
          if (wasMade) reservation.created(ephemerals[index] ?? '');
          else reservation.release();
        });
      try {
        const outcomes = await calls.run({ repeat: 'once', signal }, ticket =>
          calls.raw(ticket, multiCall(chroot, steps)),
        );
        const results = succeeded(outcomes, steps);
        account(results, steps, budget);
        settled(false); // what was made is counted under the paths that it got
        return results;
      } catch (error) {
        settled(!isRefusal(error)); // they may be there: near the limit the server's own list tells
        throw error;
      }
    },
  };
  return built;
}

function account(
  results: readonly TransactionResult[],
  steps: readonly Step[],
  budget: EphemeralBudget,
): void {
  results.forEach((result, index) => {
    const step = steps[index];
    if (result.kind === 'create' && step?.ephemeral === true) budget.owns(result.path);
    if (result.kind === 'remove' && step !== undefined) budget.removed(step.path);
  });
}

/** @throws RollcallError of the step that failed; the others carry RUNTIME_INCONSISTENCY, or nothing when they came before it. */
function succeeded(
  outcomes: readonly Outcome[],
  steps: readonly Step[],
): readonly TransactionResult[] {
  const results: TransactionResult[] = [];
  let failed: { readonly index: number; readonly zookeeperCode: number } | undefined;
  outcomes.forEach((outcome, index) => {
    if (outcome.kind !== 'error') results.push(outcome);
    else if (
      outcome.zookeeperCode !== 0 &&
      (failed === undefined || failed.zookeeperCode === RUNTIME_INCONSISTENCY)
    ) {
      failed = { index, zookeeperCode: outcome.zookeeperCode };
    }
  });
  if (results.length === steps.length) return results;
  const { index, zookeeperCode } = failed ?? { index: 0, zookeeperCode: RUNTIME_INCONSISTENCY };
  const path = steps[index]?.path ?? '';
  const { code, message, details } = serverError(
    zookeeperCode,
    `step ${index} of the transaction,`,
    path,
  );
  throw new RollcallError(code, message, { details: { ...details, index, path } });
}

function multiCall(chroot: Chroot, steps: readonly Step[]): RawCall<readonly Outcome[]> {
  return {
    op: OP.multi,
    write(writer) {
      for (const { op, write } of steps) {
        writer.int(op).bool(false).int(-1);
        write(writer);
      }
      writer.int(-1).bool(true).int(-1);
    },
    read(body) {
      const outcomes: Outcome[] = [];
      for (;;) {
        const op = body.int();
        const isLast = body.bool();
        body.int();
        if (isLast) return outcomes;
        outcomes.push(readOutcome(op, body, chroot));
      }
    },
  };
}

function readOutcome(op: number, body: JuteReader, chroot: Chroot): Outcome {
  switch (op) {
    case OP.create:
      return { kind: 'create', path: chroot.toClient(body.string() ?? ''), stat: undefined };
    case OP.create2:
    case OP.createContainer:
    case OP.createTtl:
      return { kind: 'create', path: chroot.toClient(body.string() ?? ''), stat: readStat(body) };
    case OP.delete:
      return { kind: 'remove' };
    case OP.setData:
      return { kind: 'set', stat: readStat(body) };
    case OP.check:
      return { kind: 'check' };
    case OP.error:
      return { kind: 'error', zookeeperCode: body.int() };
    default:
      throw new RollcallError(
        'MALFORMED_PACKET',
        `the answer to a transaction has an operation ${op} in it`,
      );
  }
}
