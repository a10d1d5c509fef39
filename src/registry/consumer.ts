import { systemClock } from '../kernel/clock.ts';
import type { Session, ZnodePath } from '../zookeeper/index.ts';
import { type AnnounceOptions, firstProof, keepOptions, leaveWithin } from './announce-options.ts';
import { keepNode } from './keep-node.ts';
import { layout } from './layout.ts';
import type { Proof } from './proof.ts';
import { type ConsumerRecord, encodeRecord, makeConsumer, RECORD_VERSION } from './record.ts';

/** `v` and `since` are filled in. `service` is what is depended on, `consumer` the dependent's own service name. */
export type ConsumerDescription = Readonly<
  Pick<ConsumerRecord, 'id' | 'service' | 'consumer'> & Partial<ConsumerRecord>
>;

/** A dependency that is kept announced until it is closed. */
export interface ConsumerRegistration extends AsyncDisposable {
  readonly record: ConsumerRecord;
  readonly path: ZnodePath;
  readonly proof: Proof;
  /** Deletes the node. Where the server refuses (ACLs), it goes with the session. Idempotent. */
  close(): Promise<void>;
}

/**
 * Announces that a program depends on a service, for the topology; kept and proven as a provider is.
 *
 * @throws as `announce` does.
 */
export async function announceConsumer(
  session: Session,
  description: ConsumerDescription,
  options: AnnounceOptions = {},
): Promise<ConsumerRegistration> {
  const { wallMs } = options.clock ?? systemClock;
  const record = makeConsumer({
    v: RECORD_VERSION,
    since: new Date(wallMs()).toISOString(),
    ...description,
  });
  const directory = layout(options.root).consumers(record.service);
  const keeping = keepOptions(session, directory, encodeRecord(record), options);
  const kept = keepNode(keeping);
  let closing: Promise<void> | undefined;
  const close = (): Promise<void> =>
    (closing ??= leaveWithin(kept, {}, keeping, options.closeWithinMs));
  const first = await firstProof(kept, session, options, close);
  return {
    record,
    get path() {
      return kept.path ?? first;
    },
    get proof() {
      return kept.proof;
    },
    close,
    [Symbol.asyncDispose]: close,
  };
}
