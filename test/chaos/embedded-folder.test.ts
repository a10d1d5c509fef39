import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { startEmbedded } from '../../src/testing/index.ts';
import { openSession } from '../../src/zookeeper/session.ts';

const CONTENDERS = 5;
const ROUNDS = 40;
const NOBODY_HAS_IT = '2147483646';

interface Contender extends AsyncDisposable {
  /** Sends a line, and resolves with the line that answers it. */
  tell(line: string): Promise<string>;
}

const support = (name: string): string =>
  fileURLToPath(new URL(`../support/${name}`, import.meta.url));

async function contender(): Promise<Contender> {
  const args = [support('run.mjs'), support('folder-contender-process.ts')];
  const child = spawn(process.execPath, args, { stdio: ['pipe', 'pipe', 'inherit'] });
  const gone = once(child, 'exit');
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const answer = async (): Promise<string> => String((await lines.next()).value);
  expect(await answer()).toBe('here');
  return {
    async tell(line) {
      child.stdin.write(`${line}\n`);
      return answer();
    },
    async [Symbol.asyncDispose]() {
      child.kill('SIGKILL');
      await gone;
    },
  };
}

test('of several that start on one stale data folder at the same moment one has it, and nothing is lost', async () => {
  const dataDir = await mkdtemp(join(tmpdir(), 'rollcall-contended-'));
  const all = await Promise.all(Array.from({ length: CONTENDERS }, contender));
  try {
    const created: string[] = [];
    for (let round = 0; round < ROUNDS; round += 1) {
      // as after kill -9: the newest lock is of a process that is gone
      const newest = Math.max(0, ...(await locks(dataDir)));
      await symlink(NOBODY_HAS_IT, join(dataDir, `lock-${newest + 1}`));
      const answers = await Promise.all(all.map(each => each.tell(dataDir)));
      const ports = answers.flatMap(answer => /^port (\d+)$/.exec(answer)?.[1] ?? []);
      expect(ports, answers.join('\n')).toHaveLength(1);
      for (const answer of answers)
        expect(answer).toMatch(/^port \d+$|^refused .* is in use by process \d+; /);
      await using session = await openSession({ servers: `127.0.0.1:${ports[0]}` });
      created.push((await session.create(`/round-${round}`)).path);
      await session.close();
      await Promise.all(all.map(each => each.tell('')));
    }
    await using server = await startEmbedded({ dataDir });
    await using session = await openSession({ servers: server.connectString });
    for (const path of created) expect(await session.exists(path), path).toBeDefined();
  } finally {
    await Promise.all(all.map(each => each[Symbol.asyncDispose]()));
    await rm(dataDir, { recursive: true, force: true });
  }
});

async function locks(dataDir: string): Promise<readonly number[]> {
  const names = await readdir(dataDir);
  return names.flatMap(name => Number(/^lock-(\d+)$/.exec(name)?.[1] ?? 0));
}
