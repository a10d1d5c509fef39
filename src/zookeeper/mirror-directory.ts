import type { ZnodePath } from './api.ts';
import type { KnownNode } from './mirror-node.ts';

/**
 * The known nodes of one directory. Those of a first reading come in one after another, and nobody asks for one of them by its
 * name before something happens to it: until then they are a plain list, and no index of their names is made.
 */
export class Directory {
  readonly path: ZnodePath;
  private listed: readonly KnownNode[] = [];
  private byName: Map<string, KnownNode> | undefined;
  /** Counted when it is first asked for. */
  private knownNameBytes: number | undefined;

  constructor(path: ZnodePath) {
    this.path = path;
  }

  /** What the names take in an answer to `getChildren`. */
  get nameBytes(): number {
    this.knownNameBytes ??= this.names().reduce((sum, name) => sum + bytesOf(name), 0);
    return this.knownNameBytes;
  }

  get size(): number {
    return this.byName?.size ?? this.listed.length;
  }

  nodes(): Iterable<KnownNode> {
    return this.byName?.values() ?? this.listed;
  }

  names(): readonly string[] {
    return Array.from(this.nodes(), ({ name }) => name);
  }

  get(name: string): KnownNode | undefined {
    return this.size === 0 ? undefined : this.index().get(name);
  }

  /** Of names that are known not to be here. */
  append(nodes: readonly KnownNode[]): void {
    // The size of a list is told after each run: it is not counted anew each time.
    if (this.knownNameBytes !== undefined)
      for (const { name } of nodes) this.knownNameBytes += bytesOf(name);
    if (this.byName !== undefined) for (const node of nodes) this.byName.set(node.name, node);
    else this.listed = this.listed.length === 0 ? nodes : this.listed.concat(nodes);
  }

  /** Returns whether the name is new here. */
  set(node: KnownNode): boolean {
    const byName = this.index();
    const before = byName.size;
    byName.set(node.name, node);
    if (byName.size === before) return false;
    if (this.knownNameBytes !== undefined) this.knownNameBytes += bytesOf(node.name);
    return true;
  }

  /** Returns whether it was here. */
  delete(name: string): boolean {
    if (!this.index().delete(name)) return false;
    if (this.knownNameBytes !== undefined) this.knownNameBytes -= bytesOf(name);
    return true;
  }

  private index(): Map<string, KnownNode> {
    if (this.byName === undefined) {
      this.byName = new Map();
      for (const node of this.listed) this.byName.set(node.name, node);
      this.listed = [];
    }
    return this.byName;
  }
}

function bytesOf(name: string): number {
  return 4 + Buffer.byteLength(name);
}
