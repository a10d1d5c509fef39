/** Operation codes, from `ZooDefs.OpCode` of Apache ZooKeeper 3.8. */
export const OP = {
  create: 1,
  delete: 2,
  exists: 3,
  getData: 4,
  setData: 5,
  getAcl: 6,
  setAcl: 7,
  getChildren: 8,
  sync: 9,
  ping: 11,
  getChildren2: 12,
  check: 13,
  multi: 14,
  create2: 15,
  reconfig: 16,
  checkWatches: 17,
  removeWatches: 18,
  createContainer: 19,
  createTtl: 21,
  multiRead: 22,
  auth: 100,
  setWatches: 101,
  getEphemerals: 103,
  getAllChildrenNumber: 104,
  setWatches2: 105,
  addWatch: 106,
  whoAmI: 107,
  closeSession: -11,
  error: -1,
} as const;

/** xids below zero are not answers to numbered requests. */
export const XID = { event: -1, ping: -2, auth: -4, setWatches: -8 } as const;

const LENGTH_BYTES = 4;

/** Writes the length of what follows into the first four bytes. */
export function sealFrame(frame: Buffer): Buffer {
  frame.writeInt32BE(frame.length - LENGTH_BYTES, 0);
  return frame;
}
