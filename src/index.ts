/** The door of the package: what a program needs to be a provider or a consumer. */
export {
  type DigestAuth,
  openSession,
  type Session,
  type SessionOptions,
  type SessionState,
  type TlsOptions,
} from './zookeeper/index.ts';
export {
  announce,
  announceConsumer,
  type AnnounceOptions,
  type AnnounceProviderOptions,
  type ConsumerDescription,
  type ConsumerRecord,
  type ConsumerRegistration,
  type Picked,
  type PickOptions,
  type Proof,
  type ProofEvent,
  type ProviderDescription,
  type ProviderPatch,
  type ProviderRecord,
  type ProviderStatus,
  type Registration,
  type Strategy,
  subscribe,
  type SubscribeOptions,
  type Subscription,
  type SubscriptionEvent,
  type SubscriptionState,
} from './registry/index.ts';
export {
  errorText,
  hasCode,
  isAbort,
  isRetryable,
  isRollcallError,
  RollcallError,
  type RollcallErrorCode,
} from './kernel/errors.ts';
export type { WaitOptions } from './kernel/abort.ts';
export type { Logger } from './kernel/log.ts';
