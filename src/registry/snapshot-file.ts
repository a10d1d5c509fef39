import { open, readFile, rename, rm, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { pid } from 'node:process';
import { z } from 'zod';
import type { Clock, Timer } from '../kernel/clock.ts';
import { errorText } from '../kernel/errors.ts';
import { latest } from '../kernel/lane.ts';
import type { Logger } from '../kernel/log.ts';
import { issueText, ProviderRecordSchema } from './record.ts';
import type { Listed, ProviderNode } from './roster.ts';

/** Changes within this time go into one write. */
const COALESCE_MS = 1_000;
const MAX_SNAPSHOT_BYTES = 256 * 1024 * 1024;

const SnapshotSchema = z.object({
  v: z.literal(1),
  root: z.string(),
  savedAt: z.iso.datetime(),
  services: z.record(
    z.string(),
    z.array(
      z.object({
        znode: z.string(),
        czxid: z.string().regex(/^\d{1,20}$/),
        sessionId: z.string().regex(/^-?\d{1,20}$/),
        record: ProviderRecordSchema,
      }),
    ),
  ),
});

export interface Snapshot {
  readonly savedAtWallMs: number;
  readonly services: ReadonlyMap<string, readonly ProviderNode[]>;
}

/** What a consumer knew last, kept on disk, so that it can start while ZooKeeper is down. */
export interface SnapshotFile {
  /** undefined when there is no file, or none of use: that is logged. */
  load(): Promise<Snapshot | undefined>;
  /** Something changed: writes soon. */
  touch(): void;
  /** Writes at once what was touched, and ends. */
  close(): Promise<void>;
}

export interface SnapshotFileOptions {
  readonly path: string;
  readonly root: string;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly listed: () => ReadonlyMap<string, Iterable<Listed>>;
}

export function snapshotFile(options: SnapshotFileOptions): SnapshotFile {
  const { path, clock, logger } = options;
  let timer: Timer | undefined;
  let writing: Promise<void> = Promise.resolve();

  const writeLatest = latest(async () => {
    timer?.cancel();
    timer = undefined;
    try {
      await replaceFile(path, encode(options));
    } catch (error) {
      logger.warn(
        { path, error: errorText(error) },
        'the snapshot of the providers could not be written',
      );
    }
  });

  const write = (): Promise<void> => (writing = writeLatest());

  return {
    async load() {
      try {
        return await read(path, options.root);
      } catch (error) {
        if (!isMissing(error)) {
          logger.warn(
            { path, error: errorText(error) },
            'the snapshot of the providers is of no use, and ignored',
          );
        }
        return undefined;
      }
    },
    touch() {
      timer ??= clock.after(COALESCE_MS, () => void write(), { unref: true });
    },
    async close() {
      await (timer === undefined ? writing : write());
    },
  };
}

function encode({ root, clock, listed }: SnapshotFileOptions): string {
  const services = [...listed()].map(([service, providers]) => [
    service,
    [...providers].map(({ node, record }) => ({
      znode: node.znode,
      czxid: String(node.czxid),
      sessionId: String(node.sessionId),
      record,
    })),
  ]);
  const savedAt = new Date(clock.wallMs()).toISOString();
  return JSON.stringify({ v: 1, root, savedAt, services: Object.fromEntries(services) });
}

async function read(path: string, root: string): Promise<Snapshot> {
  const { size } = await regularFile(path);
  if (size > MAX_SNAPSHOT_BYTES) throw new Error(`${size} bytes are too many`);
  const parsed = SnapshotSchema.safeParse(JSON.parse(await readFile(path, 'utf8')));
  if (!parsed.success) throw new Error(issueText(parsed.error));
  if (parsed.data.root !== root) throw new Error(`it was made below ${parsed.data.root}`);
  const services = Object.entries(parsed.data.services).map(
    ([service, nodes]) =>
      [
        service,
        nodes.map(node => ({
          ...node,
          czxid: BigInt(node.czxid),
          sessionId: BigInt(node.sessionId),
        })),
      ] as const,
  );
  return { savedAtWallMs: Date.parse(parsed.data.savedAt), services: new Map(services) };
}

/** A device or a pipe has no end, or never begins; nor may it be put out of the way. */
async function regularFile(path: string): Promise<{ readonly size: number }> {
  const found = await stat(path);
  if (!found.isFile()) throw new Error('it is not a regular file');
  return found;
}

async function refuseOther(path: string): Promise<void> {
  try {
    await regularFile(path);
  } catch (error) {
    if (!isMissing(error)) throw error;
  }
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ENOENT';
}

/** Whoever reads finds the old content or the new one, whole, also after a crash or a power cut. */
async function replaceFile(path: string, content: string): Promise<void> {
  await refuseOther(path);
  const fresh = `${path}.${pid}.tmp`;
  try {
    const file = await open(fresh, 'w', 0o600);
    try {
      await file.writeFile(content);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(fresh, path);
  } catch (error) {
    await rm(fresh, { force: true });
    throw error;
  }
  const folder = await open(dirname(path), 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}
