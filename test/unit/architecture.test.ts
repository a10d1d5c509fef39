import { expect, test } from 'vitest';
import { findCycle, type Import, importsOf, roomOf, sourceFiles } from '../support/import-graph.ts';

const files = sourceFiles();
const imports = files.flatMap(file => file.imports);
const inside = imports.filter(({ to }) => to.startsWith('src/'));
const crossing = inside.filter(({ from, to }) => roomOf(from) !== roomOf(to));
const text = ({ from, to }: Import): string => `${from} → ${to}`;

/** Who may import whom. What is not listed may not. */
const ARROWS: Readonly<Record<string, readonly string[]>> = {
  kernel: [],
  embedded: ['kernel'],
  zookeeper: ['kernel'],
  registry: ['zookeeper', 'kernel'],
  recipes: ['zookeeper', 'kernel'],
  systems: ['recipes', 'registry', 'zookeeper', 'kernel'],
  integrations: ['registry', 'zookeeper', 'kernel'],
  aggregator: ['registry', 'recipes', 'zookeeper', 'kernel'],
  http: ['aggregator', 'registry', 'kernel'],
  dns: ['aggregator', 'registry', 'kernel'],
  daemon: ['http', 'dns', 'aggregator', 'registry', 'recipes', 'zookeeper', 'embedded', 'kernel'],
  cli: ['daemon', 'systems', 'registry', 'recipes', 'zookeeper', 'embedded', 'kernel'],
  testing: ['embedded', 'zookeeper', 'kernel'],
  door: ['registry', 'recipes', 'zookeeper', 'kernel'],
};

/** The faces know the aggregator by the types in its ports.ts alone. */
const isPort = ({ from, to, typeOnly }: Import): boolean =>
  ['http', 'dns'].includes(roomOf(from)) && to === 'src/aggregator/ports.ts' && typeOnly;

const isDoor = ({ to }: Import): boolean => {
  const room = roomOf(to);
  return room === 'kernel' || to === `src/${room}/index.ts`;
};

test('the import graph was seen: rooms, files and arrows between them', () => {
  expect(files.length).toBeGreaterThan(10);
  expect(crossing.length).toBeGreaterThan(10);
  const rooms = new Set(files.map(({ path }) => roomOf(path)));
  expect([...rooms].filter(room => !(room in ARROWS))).toEqual([]);
  const missing = inside.filter(({ to }) => !files.some(({ path }) => path === to));
  expect(missing.map(text)).toEqual([]);
});

test('rooms face one way', () => {
  const wrong = crossing.filter(({ from, to }) => !ARROWS[roomOf(from)]?.includes(roomOf(to)));
  expect(wrong.map(text)).toEqual([]);
});

test('a room is entered by its door, the aggregator by its ports from http and dns', () => {
  const wrong = crossing.filter(each =>
    ['http', 'dns'].includes(roomOf(each.from)) && roomOf(each.to) === 'aggregator'
      ? !isPort(each)
      : !isDoor(each),
  );
  expect(wrong.map(text)).toEqual([]);
});

test('no import goes round in a circle', () => {
  expect(findCycle(files)).toBeUndefined();
});

test('only the zookeeper room knows node-zookeeper-client', () => {
  const knowing = files.filter(({ code }) => code.includes("'node-zookeeper-client"));
  expect(new Set(knowing.map(({ path }) => roomOf(path)))).toEqual(new Set(['zookeeper']));
});

test('no file is longer than 400 lines', () => {
  expect(files.filter(({ lines }) => lines > 400).map(({ path }) => path)).toEqual([]);
});

test('every way of importing is seen, and comments are not', () => {
  const found = importsOf(
    'src/http/app.ts',
    `
import fastify from 'fastify';
import type { View } from '../aggregator/ports.ts';
import {
  a,
  type B,
} from './routes/a.ts';
import './side-effect.ts';
export * from '../kernel/errors.ts';
export type { C } from './c.ts';
// import { no } from './no.ts';
/* import { no } from './no.ts'; */
export type D = import('./d.ts').D;
const late = await import('./late.ts');
`,
  );
  expect(found.map(({ to, typeOnly }) => (typeOnly ? `type ${to}` : to))).toEqual([
    'fastify',
    'type src/aggregator/ports.ts',
    'src/http/routes/a.ts',
    'src/http/side-effect.ts',
    'src/kernel/errors.ts',
    'type src/http/c.ts',
    'type src/http/d.ts',
    'src/http/late.ts',
  ]);
});

test('a circle is found and told by its members', () => {
  const file = (path: string, ...to: string[]) => ({
    path,
    lines: 1,
    code: '',
    imports: to.map(each => ({ from: path, to: each, typeOnly: false })),
  });
  expect(findCycle([file('a', 'b'), file('b', 'c'), file('c', 'b')])).toEqual(['b', 'c', 'b']);
  expect(findCycle([file('a', 'b', 'c'), file('b', 'c'), file('c')])).toBeUndefined();
});
