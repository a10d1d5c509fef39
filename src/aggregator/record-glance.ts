import { MAX_RECORD_BYTES, type ProviderStatus } from '../registry/index.ts';
import type { Utf8Part } from '../zookeeper/index.ts';

/** What must be known of a record at once; all else can be read when somebody asks for it. */
export interface Glance {
  readonly id: string;
  readonly status: ProviderStatus;
}

const CHAR = String.raw`[ !#-\[\]-~]`;
const text = (max: number): string => `"${CHAR}{0,${max}}"`;
/** Keys that look like numbers change places when they are parsed. */
const key = (max: number): string => String.raw`"(?!__proto__"|\d)${CHAR}{0,${max}}"`;
const PORT = String.raw`(?:[1-9]\d{0,3}|[1-5]\d{4}|6[0-4]\d{3}|65[0-4]\d{2}|655[0-2]\d|6553[0-5])`;
const mapOf = (name: string, value: string): string =>
  String.raw`\{(?:${name}:${value}(?:,${name}:${value})*)?\}`;

const BEFORE_ID = '{"v":1,"id":"';
const BEFORE_SERVICE = '","service":"';
const BEFORE_STATUS = ',"status":"';

/**
 * A provider record as `encodeRecord` of this release writes one: compact, every field in its place. Printable ASCII without an
 * escape, so that a quotation mark ends a string. Whatever else a record may be is left to `readProviderQuickly`.
 */
const PLAIN = new RegExp(
  [
    String.raw`\{"v":1,"id":"(?!\.{1,2}")[ !#-.0-\[\]-~]{1,256}"`,
    String.raw`,"service":"[A-Za-z0-9._:-]{1,128}"`,
    `,"address":"${CHAR}{1,255}","port":${PORT}`,
    `,"protocol":${text(64)},"version":${text(128)},"group":${text(128)},"zone":${text(128)}`,
    `,"weight":(?:0|${PORT}),"status":"(?:up|starting|draining|down)"`,
    String.raw`,"tags":\[(?:${text(128)}(?:,${text(128)}){0,255})?\]`,
    `,"metadata":${mapOf(key(256), text(4096))},"endpoints":${mapOf(key(128), PORT)}`,
    String.raw`(?:,"registeredAt":${text(64)})?(?:,"registrar":${text(256)})?\}`,
  ].join(''),
  'y',
);

/** By their first letters; of those with a `d`, by the second. */
function statusAt(json: string, at: number): ProviderStatus {
  const first = json[at];
  if (first === 'u') return 'up';
  if (first === 's') return 'starting';
  return json[at + 1] === 'r' ? 'draining' : 'down';
}

/**
 * Tells of a record what must be known at once, without decoding it: a cold start brings a hundred thousand, of most of which
 * nobody asks for more than their number. undefined: it takes a closer look. What is told here, `readProviderQuickly` tells of the
 * same bytes, which it accepts, and of the record that it gives `JSON.stringify` makes the same bytes, unless they repeat
 * a key.
 */
export function recordGlance(part: Utf8Part, service: string): Glance | undefined {
  const { latin1: json, at, length } = part;
  if (length > MAX_RECORD_BYTES) return undefined;
  PLAIN.lastIndex = at;
  if (!PLAIN.test(json) || PLAIN.lastIndex !== at + length) return undefined;
  const idAt = at + BEFORE_ID.length;
  const idEnd = json.indexOf('"', idAt);
  const serviceAt = idEnd + BEFORE_SERVICE.length;
  if (!json.startsWith(service, serviceAt) || json[serviceAt + service.length] !== '"')
    return undefined;
  const statusFrom = json.indexOf(BEFORE_STATUS, serviceAt) + BEFORE_STATUS.length;
  // The id keeps the whole text in memory: so does the node of it.
  return { id: json.slice(idAt, idEnd), status: statusAt(json, statusFrom) };
}

const MAPS = /,"(?:metadata|endpoints)":\{/;
const PAIR = /"([^"]*)":(?:"[^"]*"|\d+)/g;

/**
 * Whether a key stands twice in the metadata or the endpoints of a record that a glance told of: decoding it leaves one out. No
 * encoder writes that, people do. Now and then also true when none does: the fields behind the endpoints are looked at with them.
 */
export function repeatsKey(json: string): boolean {
  const [, ...maps] = json.split(MAPS);
  return maps.some(map => {
    const keys = Array.from(map.matchAll(PAIR), ([, name]) => name);
    return new Set(keys).size < keys.length;
  });
}
