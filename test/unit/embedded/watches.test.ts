import { expect, test } from 'vitest';
import { EVENT, type Watcher, watches } from '../../../src/embedded/watches.ts';

function ear(): Watcher & { readonly heard: string[] } {
  const heard: string[] = [];
  const names = new Map(Object.entries(EVENT).map(([name, code]) => [code, name]));
  return { heard, notify: (type, path) => void heard.push(`${names.get(type)} ${path}`) };
}

test('a one-shot watch fires once; data and children are two', () => {
  const all = watches();
  const [data, children] = [ear(), ear()];
  all.watchData('/a', data);
  all.watchChildren('/a', children);
  all.created('/a/b');
  all.dataChanged('/a');
  all.created('/a/c');
  all.dataChanged('/a');
  expect([data.heard, children.heard]).toEqual([['dataChanged /a'], ['childrenChanged /a']]);
  expect(all.size).toBe(0);
});

test('who watches data and children of a node that goes hears of it once', () => {
  const all = watches();
  const [both, parent] = [ear(), ear()];
  all.watchData('/a', both);
  all.watchChildren('/a', both);
  all.watchChildren('/', parent);
  all.deleted('/a');
  expect([both.heard, parent.heard]).toEqual([['deleted /a'], ['childrenChanged /']]);
  expect(all.size).toBe(0);
});

test('a persistent watch hears its node and its children, a recursive one all below and no lists', () => {
  const all = watches();
  const [persistent, recursive] = [ear(), ear()];
  all.watchAlways('/a', persistent, 'persistent');
  all.watchAlways('/a', recursive, 'persistent-recursive');
  all.created('/a');
  all.created('/a/b');
  all.created('/a/b/c');
  all.dataChanged('/a/b');
  all.deleted('/a/b/c');
  all.deleted('/a/b');
  all.deleted('/a');
  all.created('/ab');
  expect(persistent.heard).toEqual([
    'created /a',
    'childrenChanged /a',
    'childrenChanged /a',
    'deleted /a',
  ]);
  expect(recursive.heard).toEqual([
    'created /a',
    'created /a/b',
    'created /a/b/c',
    'dataChanged /a/b',
    'deleted /a/b/c',
    'deleted /a/b',
    'deleted /a',
  ]);
});

test('a recursive watch of the root hears everything', () => {
  const all = watches();
  const everything = ear();
  all.watchAlways('/', everything, 'persistent-recursive');
  all.created('/a');
  all.dataChanged('/');
  all.deleted('/a/b/c');
  expect(everything.heard).toEqual(['created /a', 'dataChanged /', 'deleted /a/b/c']);
});

test('modes live side by side on one path, each event is told once, and a one-shot takes nothing with it', () => {
  const all = watches();
  const one = ear();
  all.watchAlways('/a', one, 'persistent');
  all.watchAlways('/a', one, 'persistent-recursive');
  all.watchData('/a', one);
  all.dataChanged('/a');
  all.dataChanged('/a');
  all.created('/a/b');
  expect(one.heard).toEqual([
    'dataChanged /a',
    'dataChanged /a',
    'created /a/b',
    'childrenChanged /a',
  ]);
});

test('watches are taken away by kind, and all of a connection by its end', () => {
  const all = watches();
  const [one, other] = [ear(), ear()];
  all.watchData('/a', one);
  all.watchChildren('/a', one);
  all.watchData('/a', other);
  expect(all.has('/a', one, 'children')).toBe(true);
  expect(all.remove('/a', one, 'children')).toBe(true);
  expect(all.remove('/a', one, 'children')).toBe(false);
  expect(all.has('/a', one, 'any')).toBe(true);
  expect(all.remove('/b', one, 'any')).toBe(false);
  all.watchAlways('/c', one, 'persistent-recursive');
  all.forget(one);
  all.created('/c/d');
  all.dataChanged('/a');
  expect([one.heard, other.heard]).toEqual([[], ['dataChanged /a']]);
  expect([all.size, all.paths]).toEqual([0, 0]);
});
