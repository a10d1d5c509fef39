import fc from 'fast-check';
import { OP } from '../../src/kernel/wire.ts';
import { operationOf, type Recording } from './recorded-frames.ts';

/** What a client gone mad sends: its bytes, and where the network cuts them. */
export interface Mangled {
  readonly client: string;
  readonly bytes: Buffer;
  readonly chunkBytes: number;
}

const LENGTHS = [-1, -2, -(2 ** 31), 0, 1, 7, 0xfffff, 0x100000, 0x7fffff00, 2 ** 31 - 1] as const;

function flipped(frame: Buffer, bits: readonly number[]): Buffer {
  const changed = Buffer.from(frame);
  for (const bit of bits) {
    const at = (bit >> 3) % changed.length;
    changed.writeUInt8(changed.readUInt8(at) ^ (1 << (bit & 7)), at);
  }
  return changed;
}

function withInt(frame: Buffer, at: number, value: number): Buffer {
  const changed = Buffer.from(frame);
  if (frame.length >= 4) changed.writeInt32BE(value, at % (frame.length - 3));
  return changed;
}

/** With the length that it has: what is wrong is inside. */
function resealed(frame: Buffer): Buffer {
  return frame.length >= 4 ? withInt(frame, 0, frame.length - 4) : frame;
}

/** A damaged frame, whose length may be wrong too. */
function damaged(frames: readonly Buffer[]): fc.Arbitrary<Buffer> {
  const frame = fc.constantFrom(...frames);
  const place = fc.nat(1_000);
  return fc.oneof(
    {
      weight: 4,
      arbitrary: fc
        .tuple(frame, fc.array(fc.nat(8_000), { minLength: 1, maxLength: 6 }))
        .map(([whole, bits]) => flipped(whole, bits)),
    },
    {
      weight: 2,
      arbitrary: fc.tuple(frame, place).map(([whole, at]) => whole.subarray(0, at % whole.length)),
    },
    {
      weight: 5,
      arbitrary: fc
        .tuple(frame, place, fc.constantFrom(...LENGTHS))
        .map(([whole, at, length]) => withInt(whole, at, length)),
    },
    {
      weight: 3,
      arbitrary: fc
        .tuple(frame, frame, place, place)
        .map(([head, tail, to, from]) =>
          Buffer.concat([head.subarray(0, to % head.length), tail.subarray(from % tail.length)]),
        ),
    },
  );
}

/**
 * A greeting and requests of one recording, in any order and as often as you like: whole, and damaged inside. The last may be one
 * behind which nothing can be understood, of a wrong length or the end of the session.
 */
export function mangled(recordings: readonly Recording[]): fc.Arbitrary<Mangled> {
  return fc.constantFrom(...recordings).chain(({ client, greetings, requests }) => {
    const [ends, others] = [true, false].map(end =>
      requests.filter(each => (operationOf(each) === OP.closeSession) === end),
    );
    const whole = fc.constantFrom(...(others ?? []));
    const greeting = fc.oneof(
      { weight: 12, arbitrary: fc.constantFrom(...greetings.slice(0, 1)) },
      { weight: 3, arbitrary: damaged(greetings).map(resealed) },
      { weight: 1, arbitrary: damaged(greetings) },
      { weight: 1, arbitrary: fc.constant(Buffer.alloc(0)) },
    );
    const request = fc.oneof(whole, damaged(others ?? []).map(resealed));
    const last = fc.oneof(fc.constantFrom(...(ends ?? [])), damaged(requests), whole);
    return fc
      .record({
        greeting,
        frames: fc.array(request, { minLength: 1, maxLength: 40, size: 'max' }),
        last,
        chunkBytes: fc.constantFrom(1, 3, 17, 100, 1_000_000),
      })
      .map(({ greeting: first, frames, last: end, chunkBytes }) => ({
        client,
        bytes: Buffer.concat([first, ...frames, end]),
        chunkBytes,
      }));
  });
}
