import { afterEach, expect, test, vi } from 'vitest';
import { frameSplitter } from '../../../src/kernel/framing.ts';
import { collectGarbage } from '../../support/collect-garbage.ts';

afterEach(() => {
  vi.restoreAllMocks();
});

function framed(body: Buffer): Buffer {
  const length = Buffer.alloc(4);
  length.writeInt32BE(body.length);
  return Buffer.concat([length, body]);
}

test('frames come out whole, however they were cut', () => {
  const bodies = ['', 'a', 'hello', 'x'.repeat(300)].map(text => Buffer.from(text));
  const stream = Buffer.concat(bodies.map(framed));
  for (const size of [1, 2, 3, 5, 7, 64, stream.length]) {
    const splitter = frameSplitter();
    const seen: string[] = [];
    for (let at = 0; at < stream.length; at += size) {
      splitter.push(stream.subarray(at, at + size));
      for (let frame = splitter.next(); frame !== undefined; frame = splitter.next())
        seen.push(frame.toString());
    }
    expect(seen).toEqual(bodies.map(String));
  }
});

test('no byte is copied twice: a long answer costs what it weighs', () => {
  const chunkBytes = 64 * 1024;
  const chunks = 256;
  const stream = framed(Buffer.alloc(chunkBytes * chunks, 'x'));
  let copiedBytes = 0;
  const copy = Buffer.prototype.copy;
  vi.spyOn(Buffer.prototype, 'copy').mockImplementation(function (
    this: Buffer,
    ...args: Parameters<typeof copy>
  ) {
    const bytes = copy.apply(this, args);
    copiedBytes += bytes;
    return bytes;
  });
  const concat = vi.spyOn(Buffer, 'concat');
  const splitter = frameSplitter();
  let frame: Buffer | undefined;
  for (let at = 0; at < stream.length; at += chunkBytes) {
    splitter.push(stream.subarray(at, at + chunkBytes));
    frame ??= splitter.next();
  }
  expect(frame?.length).toBe(chunkBytes * chunks);
  expect(copiedBytes).toBeLessThanOrEqual(stream.length);
  expect(concat.mock.calls.length).toBe(0);
});

test('half a frame that came a byte at a time is not kept byte by byte', async () => {
  const body = Buffer.from(Array.from({ length: 100_000 }, (_, index) => index % 251));
  const splitter = frameSplitter();
  const chunks = Array.from(framed(body).subarray(0, -1), byte => {
    const chunk = Buffer.from([byte]);
    splitter.push(chunk);
    splitter.next();
    return new WeakRef(chunk);
  });
  await collectGarbage();
  const kept = chunks.filter(chunk => chunk.deref() !== undefined);
  expect(kept.length).toBeLessThan(1_000);
  splitter.push(body.subarray(-1));
  expect(splitter.next()).toEqual(body);
});

test('ten thousand frames in one chunk are not copied at all', () => {
  const stream = Buffer.concat(Array.from({ length: 10_000 }, () => framed(Buffer.from('abc'))));
  const copy = vi.spyOn(Buffer.prototype, 'copy');
  const splitter = frameSplitter();
  splitter.push(stream);
  let count = 0;
  while (splitter.next() !== undefined) count += 1;
  expect(count).toBe(10_000);
  expect(copy.mock.calls.length).toBe(0);
});

test.each([-1, -2_147_483_648, 1001])('an announced length of %d is refused', length => {
  const splitter = frameSplitter(1000);
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(length);
  splitter.push(bytes);
  expect(() => splitter.next()).toThrow(expect.objectContaining({ code: 'MALFORMED_PACKET' }));
});
