import type { RollcallError } from '../../src/kernel/errors.ts';
import { type Listeners, listeners } from '../../src/kernel/listeners.ts';
import type {
  Mirror,
  MirrorBatch,
  MirrorChange,
  MirrorNode,
  MirrorState,
} from '../../src/zookeeper/index.ts';
import { mirrorNode } from './mirror-node.ts';

/** A mirror that delivers what a test tells it to, in the order in which it is told. */
export interface ScriptedMirror extends Mirror {
  readonly untrusted: Map<string, RollcallError>;
  /** Writes a node; its ancestors are made on the way. Nothing is delivered before `deliver`. */
  put(
    path: string,
    data: string | Buffer,
    stat: Partial<MirrorNode> & { readonly zxid: bigint },
  ): void;
  remove(path: string, zxid: bigint): void;
  /** Only the directory moved: a child came and went unseen. */
  blip(directory: string, zxid: bigint): void;
  /** Hands over what was written since, as one batch, and moves W to `watermark`. */
  deliver(options?: Partial<MirrorBatch> & { readonly watermark?: bigint }): void;
  /** W moves, or a path is pending with this mark (undefined: no more), although nothing is delivered. */
  move(options: {
    readonly watermark?: bigint;
    readonly pending?: readonly [string, bigint | undefined];
    /** Its listeners hear of it by the next move: a mirror tells them in the next turn of the event loop. */
    readonly unheard?: boolean;
  }): void;
  become(state: MirrorState): void;
}

/** As a pending path: a re-read is under way, of everything. */
export const EVERYWHERE = '*';

const fail = (error: unknown): void => {
  throw error;
};

export function scriptedMirror(): ScriptedMirror {
  const nodes = new Map<string, MirrorNode>();
  const pending = new Map<string, bigint>();
  const batches = listeners<MirrorBatch>(fail);
  const states = listeners<MirrorState>(fail);
  const movements: Listeners<void> = listeners<void>(fail);
  let state: MirrorState = { kind: 'syncing' };
  let watermark = 0n;
  let changes: MirrorChange[] = [];

  const isBelow = (path: string, prefix: string): boolean =>
    path === prefix || path.startsWith(`${prefix}/`);

  const store = (path: string, stat: Partial<MirrorNode>, data: Buffer): void => {
    const known = nodes.get(path);
    const node = mirrorNode(path, { deletions: 0, ...known, ...stat });
    nodes.set(path, node);
    changes.push({ kind: 'put', node, data, previous: known });
  };

  const moved = (path: string, zxid: bigint, deletions: number): void => {
    const known = nodes.get(path);
    if (known === undefined) return;
    const pzxid = zxid > known.pzxid ? zxid : known.pzxid;
    const node = { ...known, pzxid, deletions: (known.deletions ?? 0) + deletions };
    nodes.set(path, node);
    changes.push({ kind: 'directory', node });
  };

  const parentOf = (path: string): string => path.slice(0, path.lastIndexOf('/'));

  const make = (path: string, zxid: bigint): void => {
    if (path === '' || nodes.has(path)) return;
    make(parentOf(path), zxid);
    store(path, { czxid: zxid, mzxid: zxid }, Buffer.alloc(0));
    moved(parentOf(path), zxid, 0);
  };

  const mirror: ScriptedMirror = {
    get state() {
      return state;
    },
    get watermark() {
      return watermark;
    },
    pendingMark(prefix) {
      const marks = [...pending].flatMap(([path, mark]) =>
        path === EVERYWHERE || isBelow(path, prefix) ? mark : [],
      );
      return marks.sort((a, b) => (a < b ? -1 : 1))[0];
    },
    get size() {
      return nodes.size;
    },
    get: path => nodes.get(path),
    children: path =>
      [...nodes.keys()]
        .filter(each => parentOf(each) === path)
        .map(each => each.slice(path.length + 1))
        .sort(),
    untrusted: new Map(),
    onBatch: batches.add,
    onState: states.add,
    onWatermark: movements.add,
    ready: () => Promise.resolve(),
    audit: () => Promise.resolve(0),
    close: () => Promise.resolve(),
    [Symbol.asyncDispose]: () => Promise.resolve(),
    put(path, data, { zxid, ...stat }) {
      const bytes = typeof data === 'string' ? Buffer.from(data) : data;
      make(parentOf(path), zxid);
      const isNew = !nodes.has(path);
      store(path, { ...(isNew ? { czxid: zxid } : {}), mzxid: zxid, ...stat }, bytes);
      if (isNew) moved(parentOf(path), zxid, 0);
    },
    remove(path, zxid) {
      for (const child of [...nodes.keys()].filter(each => parentOf(each) === path))
        mirror.remove(child, zxid);
      const node = nodes.get(path);
      if (node === undefined) return;
      nodes.delete(path);
      changes.push({ kind: 'gone', node, zxid });
      moved(parentOf(path), zxid, 1);
    },
    blip: (directory, zxid) => moved(directory, zxid, 1),
    deliver({ watermark: next = watermark, ...batch } = {}) {
      const watermarkBefore = watermark;
      const delivered = changes;
      changes = [];
      watermark = next;
      batches.emit({
        changes: delivered,
        watermarkBefore,
        eventAtMs: undefined,
        reason: state.kind === 'syncing' ? 'cold' : 'watch',
        ...batch,
      });
    },
    move({ watermark: next = watermark, pending: told, unheard = false }) {
      watermark = next;
      if (told !== undefined) {
        const [path, mark] = told;
        if (mark === undefined) pending.delete(path);
        else pending.set(path, mark);
      }
      if (!unheard) movements.emit();
    },
    become(next) {
      state = next;
      states.emit(next);
    },
  };
  return mirror;
}
