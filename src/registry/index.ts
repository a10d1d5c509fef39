export {
  type ConsumerRecord,
  type Parsed,
  type ProviderRecord,
  type ProviderRecordInput,
  type ProviderStatus,
  type RejectReason,
  ConsumerRecordSchema,
  encodeRecord,
  issueText,
  makeConsumer,
  makeProvider,
  MAX_RECORD_BYTES,
  PortSchema,
  PROVIDER_STATUSES,
  ProviderIdSchema,
  ProviderRecordSchema,
  readConsumer,
  readProvider,
  RECORD_VERSION,
  isServiceName,
  ServiceNameSchema,
  WeightSchema,
} from './record.ts';
export { nestsTooDeep } from './json-depth.ts';
export { DEFAULT_ROOT, type Layout, layout, type Place, placeOf, sequenceOf } from './layout.ts';
export {
  type Claim,
  compareClaims,
  CONFLICT_AFTER_MS,
  isConflict,
  resolveClaims,
  type ResolvedClaims,
} from './identity.ts';
export {
  applyOverride,
  encodeOverride,
  type Override,
  OverrideSchema,
  readOverride,
} from './override.ts';
export {
  PROTECTION_DEFAULTS,
  type ProtectionSettings,
  protectionTracker,
  type ProtectionTracker,
  type Suspect,
  type Vanished,
} from './protection.ts';
export { type Balancer, type Candidate } from './balance/balancer.ts';
export { consistentHash } from './balance/consistent-hash.ts';
export {
  leastLoaded,
  type LeastLoadedOptions,
  type LoadOf,
  reportedLoad,
} from './balance/least-loaded.ts';
export { smoothRoundRobin } from './balance/round-robin.ts';
export { balancers, STRATEGIES, type Strategy } from './balance/strategy.ts';
export { weightedRandom } from './balance/weighted-random.ts';
export { type AnnounceOptions } from './announce-options.ts';
export {
  announceConsumer,
  type ConsumerDescription,
  type ConsumerRegistration,
} from './consumer.ts';
export { type Proof, type ProofEvent, type ProofEventKind, type ProofState } from './proof.ts';
export {
  announce,
  type AnnounceProviderOptions,
  type ProviderDescription,
  type ProviderPatch,
  type Registration,
} from './provider.ts';
export { type Picked, type PickOptions } from './pick.ts';
export { type RosterDelta } from './roster.ts';
export { type Rejected } from './service-pictures.ts';
export { subscribe } from './subscribe.ts';
export type {
  SubscribeOptions,
  Subscription,
  SubscriptionEvent,
  SubscriptionState,
} from './subscription.ts';
export { keepOptions, leaveWithin } from './announce-options.ts';
export { keepNode, type KeptNode } from './keep-node.ts';
