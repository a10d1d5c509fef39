import { expect, test } from 'vitest';
import { z } from 'zod';
import { parseArguments } from '../../src/cli/arguments.ts';
import { eventParser } from '../../src/cli/event-stream.ts';
import { columns, harmless, table, widthOf } from '../../src/cli/table.ts';
import { sayEvent } from '../../src/cli/watch-lines.ts';
import { nextVerdict, NO_VERDICT } from '../../src/cli/verdict.ts';
import { readTarget } from '../../src/cli/probe.ts';
import { listFlag, switchFlag, textFlag } from '../../src/daemon/flags.ts';
import { nearest } from '../../src/daemon/suggest.ts';
import { formatDurationMs, parseDurationMs } from '../../src/kernel/duration.ts';

const schema = z.object({
  zone: textFlag({ help: 'a zone' }),
  tag: listFlag({ help: 'a tag' }),
  json: switchFlag({ help: 'JSON' }),
});

test('flags, words and the command behind -- are told apart', () => {
  const given = parseArguments(
    ['orders', '--zone', 'eu', '--tag=a', '--tag', 'b', '--json', '--', 'run', '--zone', 'x'],
    schema,
  );
  expect(given).toEqual({
    flags: { zone: 'eu', tag: ['a', 'b'], json: true },
    words: ['orders'],
    command: ['run', '--zone', 'x'],
    help: false,
    version: false,
  });
});

test("a command's own --version is its own, -V and --help stay common", () => {
  const own = z.object({ version: textFlag({ help: 'of the provider' }) });
  expect(parseArguments(['--version', '1.4.2'], own)).toMatchObject({
    flags: { version: '1.4.2' },
    version: false,
  });
  expect(parseArguments(['-V'], schema).version).toBe(true);
  expect(parseArguments(['--zone', 'eu', '-h'], schema).help).toBe(true);
});

test.for([
  [['--zonne', 'eu'], 'there is no flag --zonne (did you mean --zone?); --help lists them'],
  [['-x'], 'there is no flag -x; --help lists them'],
  [['--zone'], '--zone takes a value: --zone TEXT'],
  [['--zone', '--json'], '--zone takes a value: --zone TEXT'],
  [['--json=yes'], '--json takes no value'],
  [['--zone', 'a', '--zone', 'b'], '--zone is given twice: give it once'],
] satisfies [string[], string][])('%j is bad usage', ([argv, words]) => {
  expect(() => parseArguments(argv, schema)).toThrow(words);
});

test('a value may begin with -- when it stands behind =', () => {
  expect(parseArguments(['--zone=--eu'], schema).flags['zone']).toBe('--eu');
});

test.for([
  ['provders', 'providers'],
  ['http-listen', undefined],
  ['serv', 'serve'],
  ['x', undefined],
  ['watcj', 'watch'],
] as const)('%s probably means %s', ([wrong, meant]) => {
  expect(nearest(wrong, ['serve', 'services', 'providers', 'watch', 'http'])).toBe(meant);
});

test('columns stand below each other, wide letters counted as two', () => {
  expect(widthOf('订单a')).toBe(5);
  expect(
    columns([
      ['订单', 'x'],
      ['abcde', 'y'],
    ]),
  ).toEqual(['订单   x', 'abcde  y']);
  expect(table(['name', 'up'], [['orders', '3']], 'none')).toBe('NAME    UP\norders  3');
  expect(table(['name'], [], 'no services')).toBe('no services');
});

test('text of a record cannot steer the terminal', () => {
  expect(harmless('a\u001b[2Jb\nc')).toBe('a\ufffd[2Jb\ufffdc');
  expect(columns([['a\rb']])).toEqual(['a\ufffdb']);
});

test('an event stream is read whatever way it is cut', () => {
  const text =
    'retry: 1500\n\n: hello\n\nevent: joined\r\ndata: {"a":\r\ndata: 1}\r\nid: 17\r\n\r\nid: 18\n\ndata: x\n\n';
  for (let cut = 0; cut <= text.length; cut += 1) {
    const parser = eventParser();
    const events = [...parser.push(text.slice(0, cut)), ...parser.push(text.slice(cut))];
    expect(events).toEqual([
      { type: 'joined', data: '{"a":\n1}', id: '17' },
      { type: 'message', data: 'x', id: '18' },
    ]);
    expect(parser.lastId).toBe('18');
    expect(parser.retryMs).toBe(1500);
  }
});

test('a stream that comes letter by letter is read alike, whatever ends its lines', () => {
  for (const end of ['\n', '\r\n', '\r']) {
    const text = ['event: a', 'data: 1', 'data: 2', 'id: 7', '', 'data: 3', '', ':'].join(end);
    const parser = eventParser();
    expect(text.split('').flatMap(letter => parser.push(letter))).toEqual([
      { type: 'a', data: '1\n2', id: '7' },
      { type: 'message', data: '3', id: '7' },
    ]);
  }
});

test('a long list in many pieces is looked through once', () => {
  const piece = 'x'.repeat(16 * 1024);
  const parser = eventParser();
  parser.push('data: ');
  for (let at = 0; at < 4_096; at += 1) parser.push(piece);
  const [event] = parser.push('\n\n');
  expect(event?.data.length).toBe(4_096 * piece.length);
});

test('an id counts only when its message is complete: what was cut off is asked for again', () => {
  const parser = eventParser();
  parser.push('event: left\ndata: {}\nid: 7\n\nevent: left\ndata: {}\nid: 8\n');
  expect(parser.lastId).toBe('7');
  parser.push('\n');
  expect(parser.lastId).toBe('8');
});

test('people read one line for each thing that happened', () => {
  const at = new Date(2026, 10, 22, 13, 31, 0);
  const say = (type: string, data: unknown) =>
    sayEvent({ type, data: JSON.stringify(data), id: '1' }, at);
  const provider = { id: 'o-1', address: '10.0.0.5', port: 80, status: 'up', weight: 50 };
  expect(say('joined', { service: 'orders', provider })).toEqual([
    '13:31:00  orders  joined  o-1  10.0.0.5:80  up  weight 50',
  ]);
  expect(say('left', { service: 'orders', id: 'o-1', cause: 'deregistered' })).toEqual([
    '13:31:00  orders  left  o-1  deregistered',
  ]);
  expect(say('snapshot', { service: 'orders', providers: [] })).toEqual([
    '13:31:00  orders  no providers',
  ]);
  expect(say('suspects', { service: 'orders', suspects: [provider] })).toEqual([
    '13:31:00  orders  suspects  o-1',
  ]);
  expect(say('state', { state: 'stale' })).toEqual(['13:31:00  the view is stale']);
  expect(say('something-new', {})).toEqual([]);
  expect(sayEvent({ type: 'joined', data: 'not json', id: undefined }, at)).toEqual([]);
});

test('a check passes after so many successes and fails after so many failures in a row', () => {
  const thresholds = { rise: 2, fall: 3 };
  const results = [
    false,
    true,
    false,
    true,
    true,
    false,
    false,
    true,
    false,
    false,
    false,
    true,
    true,
  ];
  let verdict = NO_VERDICT;
  const seen = results.map(result => {
    verdict = nextVerdict(verdict, result, thresholds);
    return verdict.passing;
  });
  const [none, up, down] = [undefined, true, false];
  expect(seen).toEqual([none, none, none, none, up, up, up, up, up, up, down, down, up]);
});

test('a check is HTTP, HTTPS or TCP', () => {
  expect(readTarget('tcp://[::1]:80')).toEqual({ kind: 'tcp', host: '::1', port: 80 });
  expect(readTarget('https://a/b')).toMatchObject({ kind: 'http' });
  for (const wrong of ['a:80', 'tcp://a', 'tcp://a:0', 'ftp://a', 'http://']) {
    expect(readTarget(wrong)).toBeUndefined();
  }
});

test('durations are read and written', () => {
  expect(['500ms', '10s', '1.5s', '2m', '1h'].map(parseDurationMs)).toEqual([
    500, 10_000, 1_500, 120_000, 3_600_000,
  ]);
  expect(['', '10', 's', '-1s', '1d', '1e3s'].map(parseDurationMs)).toEqual(
    Array(6).fill(undefined),
  );
  expect([500, 1_500, 90_000, 120_000].map(formatDurationMs)).toEqual([
    '500ms',
    '1500ms',
    '90s',
    '2m',
  ]);
});
