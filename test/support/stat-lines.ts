/** Lines of a stat as the shells of Java's and C's client print them. */
const ZXID = /^\s*([cmp]zxid) ?= ?(?:0x)?([0-9a-f]+)$/i;
const TIME = /^\s*([cm]time) ?= ?.*$/;
const OWNER = /^\s*ephemeralOwner = (?:0x)?([0-9a-f]+)$/;

/** Writes lines down without what differs from server to server: zxids as distances from the first, owners, times. */
export function statLines(): (line: string) => string {
  let base: bigint | undefined;
  return line => {
    const [, name, hex] = ZXID.exec(line) ?? [];
    if (name !== undefined && hex !== undefined) {
      const zxid = BigInt(`0x${hex}`);
      if (zxid === 0n) return `${name} none`;
      base ??= zxid;
      return `${name} +${zxid - base}`;
    }
    const time = TIME.exec(line)?.[1];
    if (time !== undefined) return `${time} ${line.includes('1970') ? 'none' : 'some'}`;
    const owner = OWNER.exec(line)?.[1];
    if (owner !== undefined) return `owner ${owner === '0' ? 'nobody' : 'a session'}`;
    return line;
  };
}
