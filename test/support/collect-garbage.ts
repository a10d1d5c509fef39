import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { turn } from '../../src/kernel/turn.ts';

/** Lets go of all that nothing refers to: what is left then is kept by somebody. */
export async function collectGarbage(): Promise<void> {
  await turn(); // what a WeakRef was asked for stays until then
  setFlagsFromString('--expose-gc');
  runInNewContext('gc')();
}
