import type { WaitOptions } from '../kernel/abort.ts';
import { systemClock } from '../kernel/clock.ts';
import type { Session, ZnodePath } from '../zookeeper/index.ts';
import { type AnnounceOptions, firstProof, keepOptions, leaveWithin } from './announce-options.ts';
import { keepNode } from './keep-node.ts';
import { layout } from './layout.ts';
import type { Proof } from './proof.ts';
import { encodeRecord, makeProvider, type ProviderRecord, RECORD_VERSION } from './record.ts';

/** A record as a program gives it: `v` and `registeredAt` are filled in, and what else CONTRACT gives a default. */
export type ProviderDescription = Readonly<
  Pick<ProviderRecord, 'id' | 'service' | 'address' | 'port'> & Partial<ProviderRecord>
>;

/** What may change while a provider is announced: all but who it is. Lists and maps are replaced whole. */
export type ProviderPatch = Readonly<
  Partial<
    Pick<
      ProviderRecord,
      | 'address'
      | 'port'
      | 'protocol'
      | 'version'
      | 'group'
      | 'zone'
      | 'weight'
      | 'status'
      | 'tags'
      | 'metadata'
      | 'endpoints'
      | 'check'
      | 'registrar'
    >
  >
>;

export interface AnnounceProviderOptions extends AnnounceOptions {
  /** How long `close()` lets `draining` stand before the node is deleted. Default 0. */
  readonly drainMs?: number;
}

/** A provider that is kept announced until it is closed. */
export interface Registration extends AsyncDisposable {
  /** As it was announced or updated last. */
  readonly record: ProviderRecord;
  /** The node's path; another one when it had to be made again. */
  readonly path: ZnodePath;
  readonly proof: Proof;
  /**
   * Changes the record; the last update wins, also over what somebody else wrote into the node. Resolves when the node says so. While
   * ZooKeeper is away it waits, and is applied when it is back, also when the signal has ended the wait.
   *
   * @throws RollcallError INVALID_RECORD, and nothing is changed; NO_AUTH and the like from the server; SESSION_CLOSED after `close()`.
   */
  update(patch: ProviderPatch, options?: WaitOptions): Promise<void>;
  /** Says that this provider takes no new work: status `draining`. It stays announced. */
  drain(options?: WaitOptions): Promise<void>;
  /**
   * Says `draining`, waits `drainMs`, and deletes the node. Where the server refuses the deletion (ACLs), it says `down` instead, and the
   * node goes with the session or by an aggregator's hand. Idempotent.
   */
  close(): Promise<void>;
}

/**
 * Announces one provider and keeps it announced across sessions: the node is watched, and made again or mended when it was deleted,
 * taken over, overwritten, or lost with the session; when the session is taken up again after an outage, it is only looked at.
 *
 * Resolves when the node is visible to consumers. While the session is suspended the node may already be gone: consumers can see us
 * leave before we know it. The caller closes the handle.
 *
 * @throws RollcallError INVALID_RECORD when the record does not parse; NO_AUTH, EPHEMERAL_LIMIT, … when the node cannot be made;
 * SESSION_CLOSED. The signal's reason when it aborts first. Nothing is left behind then.
 */
export async function announce(
  session: Session,
  description: ProviderDescription,
  options: AnnounceProviderOptions = {},
): Promise<Registration> {
  const where = layout(options.root);
  let record = describe(description, options);
  const keeping = keepOptions(
    session,
    where.providers(record.service),
    encodeRecord(record),
    options,
  );
  const kept = keepNode(keeping);
  /** What the node is known to say: an update that is still on its way has told nobody that we leave. */
  let said = record.status;
  let closing: Promise<void> | undefined;

  const close = (): Promise<void> => {
    const hasDrained = isLeaving(record.status) && isLeaving(said);
    const draining = encodeRecord({ ...record, status: 'draining' });
    closing ??= leaveWithin(
      kept,
      {
        lastWord: hasDrained ? undefined : draining,
        waitMs: hasDrained ? 0 : options.drainMs,
        // The master removes the node of a provider that says so.
        ifRefused: encodeRecord({ ...record, status: 'down', leaving: true }),
      },
      keeping,
      options.closeWithinMs,
    );
    return closing;
  };

  const update = async (patch: ProviderPatch, wait?: WaitOptions): Promise<void> => {
    const next = makeProvider({
      ...record,
      ...patch,
      v: record.v,
      id: record.id,
      service: record.service,
    });
    const bytes = encodeRecord(next);
    record = next;
    await kept.set(bytes, wait);
    said = next.status;
  };

  const first = await firstProof(kept, session, options, close);
  return {
    get record() {
      return record;
    },
    get path() {
      return kept.path ?? first;
    },
    get proof() {
      return kept.proof;
    },
    update,
    drain: wait => update({ status: 'draining' }, wait),
    close,
    [Symbol.asyncDispose]: close,
  };
}

function isLeaving(status: ProviderRecord['status']): boolean {
  return status === 'draining' || status === 'down';
}

function describe(description: ProviderDescription, options: AnnounceOptions): ProviderRecord {
  const { wallMs } = options.clock ?? systemClock;
  return makeProvider({
    v: RECORD_VERSION,
    registeredAt: new Date(wallMs()).toISOString(),
    ...description,
  });
}
