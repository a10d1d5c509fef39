import {
  isServiceName,
  type Parsed,
  MAX_RECORD_BYTES,
  nestsTooDeep,
  type ProviderRecord,
  readProvider,
} from '../registry/index.ts';
import type { Utf8Source } from '../zookeeper/index.ts';

/**
 * Reads a provider record as `readProvider` does, with the same result, in about a third of the time for a plain one.
 *
 * A cold start reads every record there is. The checks here accept only what `ProviderRecordSchema` accepts without a doubt;
 * whatever is unusual (a check block, characters beyond ASCII in the id, any mistake) goes to the schema itself.
 */
export function readProviderQuickly(bytes: Utf8Source): Parsed<ProviderRecord> {
  if (bytes.length > MAX_RECORD_BYTES) return readProvider(bytes);
  const text = bytes.toString('utf8');
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    return readProvider(bytes);
  }
  if (nestsTooDeep(text)) return readProvider(bytes);
  const record = plainRecord(json);
  return record === undefined ? readProvider(bytes) : { ok: true, record };
}

const PLAIN_ID = /^[ -.0-~]{1,256}$/;

type Fields = Record<string, unknown>;

/** The record when `json` is beyond doubt one, with the defaults filled in (in place); undefined otherwise. */
function plainRecord(json: unknown): ProviderRecord | undefined {
  if (!isFields(json) || Object.hasOwn(json, '__proto__')) return undefined;
  if (!hasIdentity(json) || !hasTexts(json) || !hasNumbers(json) || !hasLists(json))
    return undefined;
  if (json['check'] !== undefined) return undefined;
  return completed(json);
}

function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

const isText = (value: unknown, max: number): boolean =>
  typeof value === 'string' && value.length <= max;
const isIntIn = (value: unknown, low: number, high: number): boolean =>
  typeof value === 'number' && Number.isInteger(value) && value >= low && value <= high;
const isPort = (value: unknown): boolean => isIntIn(value, 1, 65_535);
const isMetadataValue = (value: unknown): boolean => isText(value, 4096);

function hasIdentity(json: Fields): boolean {
  const { id, service, address } = json;
  if (typeof id !== 'string' || !PLAIN_ID.test(id) || id === '.' || id === '..') return false;
  if (typeof service !== 'string' || !isServiceName(service)) return false;
  return isText(address, 255) && address !== '';
}

function hasTexts(json: Fields): boolean {
  const { protocol, version, group, zone, registeredAt, registrar, status } = json;
  return (
    (protocol === undefined || isText(protocol, 64)) &&
    (version === undefined || isText(version, 128)) &&
    (group === undefined || isText(group, 128)) &&
    (zone === undefined || isText(zone, 128)) &&
    (registeredAt === undefined || isText(registeredAt, 64)) &&
    (registrar === undefined || isText(registrar, 256)) &&
    (status === undefined ||
      status === 'up' ||
      status === 'starting' ||
      status === 'draining' ||
      status === 'down')
  );
}

function hasNumbers(json: Fields): boolean {
  const { v, port, weight } = json;
  return (
    isIntIn(v, 1, Number.MAX_SAFE_INTEGER) &&
    isPort(port) &&
    (weight === undefined || isIntIn(weight, 0, 65_535))
  );
}

function hasLists(json: Fields): boolean {
  const { tags, metadata, endpoints } = json;
  return (
    (tags === undefined || isTags(tags)) &&
    (metadata === undefined || isMapOf(metadata, 256, isMetadataValue)) &&
    (endpoints === undefined || isMapOf(endpoints, 128, isPort))
  );
}

function isTags(tags: unknown): boolean {
  return Array.isArray(tags) && tags.length <= 256 && tags.every(tag => isText(tag, 128));
}

function isMapOf(map: unknown, maxKey: number, isValue: (value: unknown) => boolean): boolean {
  if (!isFields(map)) return false;
  for (const key of Object.keys(map)) {
    if (key.length > maxKey || key === '__proto__' || !isValue(map[key])) return false;
  }
  return true;
}

/** Of most records: shared, so that a hundred thousand of them are not kept. */
const NO_TAGS: readonly string[] = Object.freeze([]);
const NO_FIELDS: Readonly<Record<string, never>> = Object.freeze({});

function isEmpty(part: unknown): boolean {
  return Array.isArray(part) ? part.length === 0 : isFields(part) && Object.keys(part).length === 0;
}

function completed(json: Fields): ProviderRecord {
  json['protocol'] ??= 'tcp';
  json['version'] ??= '';
  json['group'] ??= '';
  json['zone'] ??= '';
  json['weight'] ??= 100;
  json['status'] ??= 'up';
  const { tags, metadata, endpoints } = json;
  if (tags === undefined || isEmpty(tags)) json['tags'] = NO_TAGS;
  if (metadata === undefined || isEmpty(metadata)) json['metadata'] = NO_FIELDS;
  if (endpoints === undefined || isEmpty(endpoints)) json['endpoints'] = NO_FIELDS;
  // Every field was checked above: this is the wall where bytes become a record.
  return json as ProviderRecord;
}
