import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { transformWithOxc } from 'vite';
import { freePorts } from '../../src/testing/index.ts';
import { openNodes } from '../support/nodes.ts';
import { requireBuild, startProcess } from '../support/processes.ts';
import { testServers } from '../support/zookeeper.ts';

const top = new URL('../../', import.meta.url);
/** Inside the package, so that its own name leads to what is built. */
const folder = new URL(`.build/examples-${process.pid}/`, top);

/** An example as plain JavaScript: Node 20 does not run TypeScript. */
async function runnable(name: string): Promise<string> {
  const source = readFileSync(new URL(`examples/${name}.ts`, top), 'utf8');
  const { code } = await transformWithOxc(source, `${name}.ts`);
  mkdirSync(folder, { recursive: true });
  const file = fileURLToPath(new URL(`${name}.mjs`, folder));
  writeFileSync(file, code);
  return file;
}

test('the examples find each other, and the provider says goodbye', async () => {
  requireBuild();
  const servers = await testServers();
  await using nodes = await openNodes(servers);
  const [port = 0] = await freePorts(1);
  const env = { ROLLCALL_ZOOKEEPER: servers, PORT: String(port) };
  try {
    await using consumer = startProcess(process.execPath, [await runnable('consumer')], { env });
    await consumer.says(/nobody to call: no provider of hello is up/);
    await using provider = startProcess(process.execPath, [await runnable('provider')], { env });
    await consumer.says(new RegExp(`hello-${port} says: hello from ${port}`));
    provider.kill('SIGINT');
    await consumer.says(/"status":"draining"/);
    expect([await provider.finished, provider.stderr]).toEqual([0, '']);
    expect(provider.stdout).toMatch(/left\n$/);
    expect(await nodes.providers('hello')).toEqual([]);
    consumer.kill('SIGTERM');
    expect([await consumer.finished, consumer.stderr]).toEqual([0, '']);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
