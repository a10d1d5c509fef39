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
  makeProvider,
  MAX_RECORD_BYTES,
  PortSchema,
  PROVIDER_STATUSES,
  ProviderIdSchema,
  ProviderRecordSchema,
  readConsumer,
  readProvider,
  RECORD_VERSION,
  ServiceNameSchema,
  WeightSchema,
} from './record.ts';
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
