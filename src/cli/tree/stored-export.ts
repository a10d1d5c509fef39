import { randomUUID } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { type FileHandle, open, rename, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { errorText, RollcallError } from '../../kernel/errors.ts';

/** An export that can be read from its beginning more than once. */
export interface StoredExport extends AsyncDisposable {
  /** For people. */
  readonly name: string;
  chunks(): AsyncIterable<Uint8Array>;
}

/** @throws RollcallError INVALID_CONFIG when it cannot be read. */
export async function openStored(path: string): Promise<StoredExport> {
  const name = `--file ${path}`;
  const file = await open(path).catch((cause: unknown) => {
    throw unusable(name, 'read', cause);
  });
  return stored(name, file);
}

/**
 * What comes on standard input, in a temporary file: nothing is to be done before its end has been seen, and it may be too large for
 * the memory. The file has no name as soon as it is open, so that it is gone however this process ends.
 */
export async function storeInput(input: AsyncIterable<Uint8Array>): Promise<StoredExport> {
  const path = join(tmpdir(), `rollcall-import-${randomUUID()}`);
  const file = await open(path, 'wx+', 0o600);
  try {
    await rm(path);
    for await (const chunk of input) await file.writeFile(chunk);
  } catch (error) {
    await file.close();
    throw error;
  }
  return stored('standard input', file);
}

function stored(name: string, file: FileHandle): StoredExport {
  return {
    name,
    chunks: () => createReadStream('', { fd: file, start: 0, autoClose: false }),
    [Symbol.asyncDispose]: () => file.close(),
  };
}

/** A file that is there when it is whole, and otherwise as it was. */
export interface FileInTheMaking extends AsyncDisposable {
  write(text: string): Promise<void>;
  /** It is whole: it takes its name. */
  finish(): Promise<void>;
}

/** Only its owner may read it: znodes hold secrets. @throws RollcallError INVALID_CONFIG when it cannot be written. */
export async function makeFile(path: string): Promise<FileInTheMaking> {
  const name = `--file ${path}`;
  const making = join(dirname(path), `.${basename(path)}.${randomUUID()}`);
  const file = await open(making, 'wx', 0o600).catch((cause: unknown) => {
    throw unusable(name, 'written', cause);
  });
  let isOpen = true;
  return {
    write: text => file.writeFile(text),
    async finish() {
      await file.sync();
      await file.close();
      isOpen = false;
      await rename(making, path);
    },
    async [Symbol.asyncDispose]() {
      if (!isOpen) return;
      await file.close();
      await rm(making, { force: true });
    },
  };
}

function unusable(name: string, what: string, cause: unknown): RollcallError {
  const why = cause instanceof Error && 'code' in cause ? String(cause.code) : errorText(cause);
  return new RollcallError('INVALID_CONFIG', `${name}: it cannot be ${what} (${why})`, { cause });
}
