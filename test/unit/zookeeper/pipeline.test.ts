import { expect, test } from 'vitest';
import { RollcallError } from '../../../src/kernel/errors.ts';
import { JuteReader } from '../../../src/kernel/jute.ts';
import { type Pending, pipeline } from '../../../src/zookeeper/pipeline.ts';
import { requestFrame } from '../../../src/zookeeper/protocol.ts';

const loss = new RollcallError('CONNECTION_LOSS', 'gone');
const ignore = (): void => undefined;

interface Asked extends Pending {
  readonly ends: string[];
}

function asked(name: string, ends: string[], untilEpoch = 1): Asked {
  const done: Pending['done'] = (failure, reply) =>
    void ends.push(`${name} ${failure?.code ?? reply?.zxid}`);
  return { op: 3, frame: requestFrame(3), untilEpoch, done, ends };
}

function harness(firstXid = 1): {
  readonly line: ReturnType<typeof pipeline>;
  readonly sent: number[];
  readonly ends: string[];
  answer(xid: number): void;
} {
  const sent: number[] = [];
  const ends: string[] = [];
  const line = pipeline({
    nowMs: () => 0,
    send: frame => void sent.push(frame.readInt32BE(4)),
    firstXid,
  });
  return {
    line,
    sent,
    ends,
    answer: xid =>
      line.answer({ xid, zxid: BigInt(xid), error: 0 }, new JuteReader(Buffer.alloc(0)), ignore),
  };
}

test('nothing goes out before the gate is open, and then in order', () => {
  const { line, sent, ends, answer } = harness();
  for (const name of ['a', 'b', 'c']) line.push(asked(name, ends));
  expect(sent).toEqual([]);
  line.open();
  expect(sent).toEqual([1, 2, 3]);
  answer(1);
  answer(2);
  expect(ends).toEqual(['a 1', 'b 2']);
});

test('xids begin anew long before a signed int ends', () => {
  const { line, sent, ends, answer } = harness(0x7fff_ffef);
  line.open();
  for (const name of ['a', 'b', 'c']) line.push(asked(name, ends));
  expect(sent).toEqual([0x7fff_ffef, 0x7fff_fff0, 1]);
  for (const xid of sent) answer(xid);
  expect(ends).toHaveLength(3);
});

test('a thousand requests are on the wire at most; an answer lets the next one out', () => {
  const { line, sent, ends, answer } = harness();
  line.open();
  for (let index = 0; index < 1500; index += 1) line.push(asked('x', ends));
  expect([sent.length, line.inFlight, line.queued]).toEqual([1000, 1000, 500]);
  answer(1);
  expect([sent.length, line.inFlight, line.queued]).toEqual([1001, 1000, 499]);
});

test('a lost connection fails what was sent, and keeps what was not', () => {
  const { line, ends, sent } = harness();
  line.push(asked('kept', ends));
  line.first(asked('watches', ends), -8);
  line.shut(loss);
  expect(ends).toEqual(['watches CONNECTION_LOSS']);
  line.open();
  expect(sent).toEqual([-8, 1]);
});

test('an answer to something else than the oldest request is not believed', () => {
  const { line, ends, answer } = harness();
  line.open();
  line.push(asked('a', ends));
  expect(() => answer(2)).toThrow(expect.objectContaining({ code: 'MALFORMED_PACKET' }));
  answer(1);
  expect(() => answer(2)).toThrow(expect.objectContaining({ code: 'MALFORMED_PACKET' }));
});

test('what may be sent in a later epoch outlives the end of this one', () => {
  const { line, ends } = harness();
  const withdrawn = asked('withdrawn', ends);
  line.push(asked('old', ends, 1));
  line.push(asked('new', ends, 2));
  line.push(withdrawn);
  expect(line.withdraw(withdrawn)).toBe(true);
  expect(line.withdraw(withdrawn)).toBe(false);
  line.failQueued(new RollcallError('SESSION_LOST', 'lost'), 1);
  expect(ends).toEqual(['old SESSION_LOST']);
  line.failQueued(new RollcallError('SESSION_CLOSED', 'closed'));
  expect(ends).toEqual(['old SESSION_LOST', 'new SESSION_CLOSED']);
});

test('the queue has an end', () => {
  const { line, ends } = harness();
  for (let index = 0; index < 250_000; index += 1) line.push(asked('x', []));
  line.push(asked('one too many', ends));
  expect(ends).toEqual(['one too many LIMIT_REACHED']);
});
