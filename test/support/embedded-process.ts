import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { EmbeddedOptions } from '../../src/testing/index.ts';

/** An embedded server in a process of its own: it can be killed and frozen, and no test's own work delays it. */
export interface EmbeddedProcess {
  readonly port: number;
  readonly connectString: string;
  signal(name: 'SIGSTOP' | 'SIGCONT'): void;
  kill(): Promise<void>;
}

const support = (name: string): string => fileURLToPath(new URL(name, import.meta.url));

/** Resolves when it serves clients. It ends with this process. */
export async function startEmbeddedProcess(
  options: Omit<EmbeddedOptions, 'clock' | 'logger'> = {},
): Promise<EmbeddedProcess> {
  const args = [support('run.mjs'), support('embedded-owner.ts'), JSON.stringify(options)];
  const child = spawn(process.execPath, args, { stdio: ['pipe', 'pipe', 'inherit'] });
  const gone = once(child, 'exit');
  const failed = gone.then(() => {
    throw new Error('the embedded server did not start');
  });
  const [bytes] = await Promise.race([once(child.stdout, 'data'), failed]);
  const port = Number(String(bytes));
  failed.catch(() => undefined); // it will end some day
  return {
    port,
    connectString: `127.0.0.1:${port}`,
    signal: name => void child.kill(name),
    async kill() {
      child.kill('SIGKILL');
      await gone;
    },
  };
}
