import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { findZooKeeper } from '../../src/testing/index.ts';

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'rollcall-find-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

function program(...names: string[]): string {
  const path = join(folder, ...names);
  mkdirSync(join(path, '..'), { recursive: true });
  writeFileSync(path, '#!/bin/sh\n');
  chmodSync(path, 0o755);
  return path;
}

function jar(...names: string[]): void {
  const path = join(folder, ...names);
  mkdirSync(join(path, '..'), { recursive: true });
  writeFileSync(path, '');
}

test('a release that ZOOKEEPER_HOME names is found by its lib folder, and java on PATH', () => {
  jar('home', 'lib', 'zookeeper-3.9.3.jar');
  jar('home', 'lib', 'zookeeper-jute-3.9.3.jar');
  const java = program('bin', 'java');
  const search = findZooKeeper({ ZOOKEEPER_HOME: join(folder, 'home'), PATH: join(folder, 'bin') });
  expect(search).toEqual({
    kind: 'found',
    installation: {
      java,
      version: '3.9.3',
      folder: join(folder, 'home', 'lib'),
      classPath: join(folder, 'home', 'lib', '*'),
    },
  });
});

test('jars that lie in ZOOKEEPER_HOME itself are found too, and JAVA_HOME goes before PATH', () => {
  jar('home', 'zookeeper-3.8.4.jar');
  program('bin', 'java');
  const java = program('jdk', 'bin', 'java');
  const search = findZooKeeper({
    ZOOKEEPER_HOME: join(folder, 'home'),
    JAVA_HOME: join(folder, 'jdk'),
    PATH: join(folder, 'bin'),
  });
  expect(search).toMatchObject({ kind: 'found', installation: { java, version: '3.8.4' } });
});

test('a ZOOKEEPER_HOME without a server is an error that names it, never passed over for another ZooKeeper', () => {
  program('bin', 'java');
  const search = findZooKeeper({
    ZOOKEEPER_HOME: join(folder, 'empty'),
    PATH: join(folder, 'bin'),
  });
  expect(search).toMatchObject({ kind: 'missing', missing: ['zookeeper'] });
  expect(search).toHaveProperty('advice', expect.stringContaining(join(folder, 'empty')));
});

test('a missing Java runtime is told apart from a missing ZooKeeper, in one line that says what to install', () => {
  jar('home', 'lib', 'zookeeper-3.9.3.jar');
  const search = findZooKeeper({ ZOOKEEPER_HOME: join(folder, 'home'), PATH: join(folder, 'bin') });
  expect(search).toMatchObject({ kind: 'missing', missing: ['java'] });
  expect(search).toHaveProperty(
    'advice',
    expect.stringMatching(/^a Java runtime not found: .*default-jre-headless[^\n]*$/),
  );
});
