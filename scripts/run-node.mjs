import { spawn } from 'node:child_process';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The project's folder. */
export const top = dirname(dirname(fileURLToPath(import.meta.url)));

/** Runs a Node program in the project's folder until it ends; returns its exit code. */
export async function runNode(args, options = {}) {
  const child = spawn(process.execPath, args, { cwd: top, stdio: 'inherit', ...options });
  const forward = signal => child.kill(signal);
  const wait = () => undefined; // a Ctrl-C reaches the child from the terminal itself
  process.on('SIGTERM', forward).on('SIGHUP', forward).on('SIGINT', wait);
  const [code, signal] = await new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (...ended) => resolve(ended));
  });
  process.off('SIGTERM', forward).off('SIGHUP', forward).off('SIGINT', wait);
  return code ?? (signal === 'SIGINT' ? 130 : signal === 'SIGTERM' ? 143 : 1);
}

/** Compiles with the given tsconfig; ends this process when it does not compile. */
export async function build(config) {
  const code = await runNode(['node_modules/typescript/bin/tsc', '-p', config]);
  if (code !== 0) process.exit(code);
}
