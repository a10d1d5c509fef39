import { z } from 'zod';
import { flag } from '../daemon/index.ts';

/** For the commands that speak with ZooKeeper themselves. */
export const zookeeperFlag = () =>
  flag(z.string().default('127.0.0.1:2181'), {
    help: 'the ensemble',
    value: 'HOST:PORT,…[/CHROOT]',
    fallback: '127.0.0.1:2181',
  });
