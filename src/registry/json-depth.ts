/** How deep lists and objects of a record may nest. Encoders recurse: one record too deep would fail every answer that it is part of. */
export const MAX_JSON_DEPTH = 64;

/** Whether JSON nests deeper than a record may. Plain ones cost next to nothing: who has few brackets cannot nest deeply. */
export function nestsTooDeep(json: string): boolean {
  return opens(json, '{') + opens(json, '[') > MAX_JSON_DEPTH && depthOf(json) > MAX_JSON_DEPTH;
}

/** How often `bracket` occurs; those in strings count, too. */
function opens(json: string, bracket: string): number {
  let count = 0;
  for (let at = json.indexOf(bracket); at >= 0; at = json.indexOf(bracket, at + 1)) count += 1;
  return count;
}

function depthOf(json: string): number {
  let depth = 0;
  let deepest = 0;
  for (const [token] of json.matchAll(/"(?:[^"\\]|\\.)*"|[[{]|[\]}]/gs)) {
    if (token === '[' || token === '{') deepest = Math.max(deepest, (depth += 1));
    else if (token === ']' || token === '}') depth -= 1;
  }
  return deepest;
}
