import { mkdir, truncate, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import type { DiskStep } from './disk-tape.ts';

/** Files as they are after some steps of a tape. What follows their last byte that is not zero is known by its length alone. */
export interface ReplayedDisk {
  /** How many transactions somebody was told of. */
  readonly told: number;
  /** Does one step; of a write only its first `bytes`. */
  play(step: DiskStep, bytes?: number): void;
  copy(): ReplayedDisk;
  /** Makes the files in a folder that is not there yet. */
  layOut(folder: string): Promise<void>;
}

interface Content {
  readonly bytes: Buffer;
  readonly length: number;
}

const EMPTY: Content = { bytes: Buffer.alloc(0), length: 0 };

export function replayedDisk(
  names = new Map<string, number>(),
  contents = new Map<number, Content>(),
  toldBefore = 0,
): ReplayedDisk {
  let told = toldBefore;
  const contentOf = (file: number): Content => contents.get(file) ?? EMPTY;

  const write = (file: number, position: number, added: Buffer): void => {
    const { bytes, length } = contentOf(file);
    const end = position + added.length;
    const grown = { bytes, length: Math.max(length, end) };
    if (position >= bytes.length && added.every(byte => byte === 0)) {
      contents.set(file, grown);
      return;
    }
    const merged = Buffer.alloc(Math.max(bytes.length, end));
    bytes.copy(merged);
    added.copy(merged, position);
    contents.set(file, { ...grown, bytes: merged });
  };

  return {
    get told() {
      return told;
    },
    play(step, bytes) {
      switch (step.kind) {
        case 'create':
          names.set(basename(step.path), step.file);
          return;
        case 'write':
          write(step.file, step.position, step.bytes.subarray(0, bytes));
          return;
        case 'truncate':
          contents.set(step.file, {
            bytes: contentOf(step.file).bytes.subarray(0, step.lengthBytes),
            length: step.lengthBytes,
          });
          return;
        case 'rename':
          names.set(basename(step.to), names.get(basename(step.from)) ?? -1);
          names.delete(basename(step.from));
          return;
        case 'remove':
          names.delete(basename(step.path));
          return;
        case 'told':
          told = step.durable;
          return;
        default:
          step satisfies never;
      }
    },
    copy: () => replayedDisk(new Map(names), new Map(contents), told),
    async layOut(folder) {
      await mkdir(folder);
      for (const [name, file] of names) {
        const { bytes, length } = contentOf(file);
        await writeFile(join(folder, name), bytes);
        if (length > bytes.length) await truncate(join(folder, name), length);
      }
    },
  };
}
