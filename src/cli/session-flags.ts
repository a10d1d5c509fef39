import { z } from 'zod';
import { flag, sessionTimeoutFlag, zookeeperSecurityFlags } from '../daemon/index.ts';

/** What `zookeeperTarget` reads: of the commands that speak with ZooKeeper themselves. */
export const sessionFlags = () => ({
  zookeeper: flag(z.string().default('127.0.0.1:2181'), {
    help: 'the ensemble',
    value: 'HOST:PORT,…[/CHROOT]',
    fallback: '127.0.0.1:2181',
  }),
  'session-timeout': sessionTimeoutFlag(),
  ...zookeeperSecurityFlags(),
});
