import type { ZnodePath } from './api.ts';
import type { FilledNode, MirrorChange, NodeChange } from './mirror-api.ts';
import { bytesOf } from './node-answer.ts';

/** A copy of its own where the node lies in an answer. */
export function dataOf(node: FilledNode): Buffer {
  return node.data ?? bytesOf(node.content);
}

/** Each node's change alone: of those that were read together a put of each. */
export function* nodeChanges(
  changes: readonly MirrorChange[],
  isWanted: (directory: ZnodePath) => boolean = () => true,
): Generator<NodeChange> {
  for (const change of changes) {
    if (change.kind !== 'filled') {
      if (isWanted(change.node.parent)) yield change;
    } else if (isWanted(change.path)) {
      for (const node of change.nodes) yield new Arrival(node);
    }
  }
}

/** Its bytes are cut out of the answer when they are asked for. */
class Arrival {
  readonly kind = 'put';
  readonly node: FilledNode;
  readonly previous = undefined;

  constructor(node: FilledNode) {
    this.node = node;
  }

  get data(): Buffer {
    return dataOf(this.node);
  }
}
