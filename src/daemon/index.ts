export {
  aboutFlag,
  boundedDurationFlag,
  configFlag,
  fileFlag,
  flag,
  flagOf,
  integerFlag,
  integerHint,
  listFlag,
  optionalFlagOf,
  readInteger,
  requiredFlagOf,
  switchFlag,
  textFlag,
} from './flags.ts';
export { daemonConfig, ownAddress } from './config.ts';
export { didYouMean } from './suggest.ts';
export {
  envName,
  type RawValue,
  readSettings,
  type SettingsSchema,
} from './settings.ts';
export { gatherSources } from './config-file.ts';
export { readHostPort } from './host-port.ts';
export { ServeFlags, type ServeSettings } from './serve-flags.ts';
export {
  rootFlag,
  sessionTimeoutFlag,
  zookeeperSecurityFlags,
  zookeeperTarget,
  type ZooKeeperTarget,
} from './zookeeper-flags.ts';
export { startDaemon } from './start.ts';
export type { Daemon } from './daemon.ts';
export { createLogger } from './logger.ts';
