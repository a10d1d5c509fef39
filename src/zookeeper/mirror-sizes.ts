import type { Found, FoundSiblings } from './mirror-reads.ts';

/** What answers are expected to weigh, learned from those that came. */
export interface AnswerSizes {
  /** Bytes of one node's data, stat and framing in an answer. */
  nodeBytes(): number;
  listBytes(children: number): number;
  learn(found: readonly (Found | FoundSiblings)[]): void;
}

/** Item header, length of the data, stat. */
const NODE_OVERHEAD_BYTES = 9 + 4 + 68;
/** New answers weigh this much against what was learned before. */
const SHARE = 0.25;

export function answerSizes(): AnswerSizes {
  let dataBytes = 512;
  let nameBytes = 32;
  const towards = (mean: number, sum: number, count: number): number =>
    count === 0 ? mean : mean + (sum / count - mean) * SHARE;
  return {
    nodeBytes: () => NODE_OVERHEAD_BYTES + dataBytes,
    listBytes: children => 13 + children * (4 + nameBytes),
    learn(found) {
      const data = { sum: 0, count: 0 };
      const names = { sum: 0, count: 0 };
      const weigh = (sum: number, count: number): void => {
        data.sum += sum;
        data.count += count;
      };
      for (const one of found) {
        if (one.kind === 'data') weigh(one.data.length, 1);
        else if (one.kind === 'siblings') {
          for (const { nodes, dataBytes } of one.runs) weigh(dataBytes, nodes.length);
          for (const other of one.others) if (other.kind === 'data') weigh(other.data.length, 1);
        } else if (one.kind === 'children') {
          for (const name of one.names) names.sum += name.length;
          names.count += one.names.length;
        }
      }
      dataBytes = towards(dataBytes, data.sum, data.count);
      nameBytes = towards(nameBytes, names.sum, names.count);
    },
  };
}
