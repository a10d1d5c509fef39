import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { z } from 'zod';
import { requireBuild } from '../support/processes.ts';

const top = fileURLToPath(new URL('../..', import.meta.url));
const run = promisify(execFile);
const Package = z.object({ dependencies: z.record(z.string(), z.string()) });

let app: string;

/** A project that has installed the package as npm would publish it; what it depends on is lent from ours. */
beforeAll(async () => {
  requireBuild();
  app = await mkdtemp(join(tmpdir(), 'rollcall-app-'));
  const modules = join(app, 'node_modules');
  await mkdir(modules);
  const { stdout } = await run(
    'npm',
    ['pack', '--json', '--ignore-scripts', `--pack-destination=${app}`],
    {
      cwd: top,
      maxBuffer: 16 * 1024 * 1024,
    },
  );
  const [packed] = z.array(z.object({ filename: z.string() })).parse(JSON.parse(stdout));
  await run(
    'tar',
    ['xzf', packed?.filename ?? '', '--transform=s/^package/rollcall/', '-C', modules],
    { cwd: app },
  );
  const { dependencies } = Package.parse(
    JSON.parse(await readFile(join(top, 'package.json'), 'utf8')),
  );
  for (const name of [...Object.keys(dependencies), '@types'])
    await symlink(join(top, 'node_modules', name), join(modules, name));
  await writeFile(join(app, 'package.json'), '{ "type": "module" }');
  const compilerOptions = {
    strict: true,
    exactOptionalPropertyTypes: true,
    module: 'NodeNext',
    target: 'ES2022',
    lib: ['ES2023', 'ESNext.Disposable'],
    types: ['node'],
  };
  await writeFile(join(app, 'tsconfig.json'), JSON.stringify({ compilerOptions }));
});
afterAll(() => rm(app, { recursive: true, force: true }));

test('the examples of docs/testing.md compile in a project that has installed the package, and the whole one passes', async () => {
  const guide = await readFile(join(app, 'node_modules/rollcall/docs/testing.md'), 'utf8');
  const blocks = [...guide.matchAll(/^```ts\n(.*?)^```$/gms)].map(([, code = '']) => code);
  expect(blocks.length).toBeGreaterThan(5);
  for (const [index, code] of blocks.entries())
    await writeFile(join(app, `${index}.test.ts`), code);
  await run(join(top, 'node_modules/.bin/tsc'), ['-p', '.'], { cwd: app });
  const { stdout } = await run(process.execPath, ['--test', '0.test.js'], {
    cwd: app,
    timeout: 60_000,
  });
  expect(stdout).toMatch(/# pass 1\n# fail 0/);
});

test('every function of rollcall/testing is in docs/testing.md', async () => {
  const guide = await readFile(join(top, 'docs/testing.md'), 'utf8');
  const door = await import('../../src/testing/index.ts');
  for (const name of Object.keys(door)) expect(guide).toContain(`${name}(`);
});
