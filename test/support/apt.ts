import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';

/** Installs Debian packages where a test run may install what it needs: as root, with apt. Elsewhere it does nothing. */
export function aptInstall(...packages: readonly string[]): void {
  if (process.getuid?.() !== 0 || !existsSync('/usr/bin/apt-get')) return;
  const install = ['install', '-y', '--no-install-recommends', ...packages];
  // A new machine has no package lists, or old ones.
  for (const args of [['update'], install])
    spawnSync('apt-get', args, { env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' } });
}
