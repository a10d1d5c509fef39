export { startEmbedded, type EmbeddedOptions, type EmbeddedServer } from './embedded.ts';
export {
  faultProxy,
  type FaultDirection,
  type FaultProxy,
  type FaultProxyOptions,
} from './fault-proxy.ts';
export {
  findZooKeeper,
  type ZooKeeperInstallation,
  type ZooKeeperSearch,
} from './find-zookeeper.ts';
export { fourLetterWord, type FourLetterWord } from './four-letter-word.ts';
export { freePorts } from './free-port.ts';
export { manualClock, type ManualClock, type ManualClockOptions } from './manual-clock.ts';
export { type ServerMode, type ZooKeeperServer } from './zookeeper-process.ts';
export { startZooKeeper, type StartOptions, type ZooKeeper } from './zookeeper-server.ts';
