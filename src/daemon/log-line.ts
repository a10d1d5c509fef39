import { z } from 'zod';

const Line = z.looseObject({ level: z.string(), time: z.string(), msg: z.string().default('') });

/** One JSON line of the log, as people like to read it: `13:31:00.123 warn  text  field=value`. */
export function readableLine(json: string): string {
  const parsed = Line.safeParse(JSON.parse(json));
  if (!parsed.success) return json.trimEnd();
  const { level, time, msg, ...fields } = parsed.data;
  const rest = Object.entries(fields).map(([name, value]) => `${name}=${textOf(value)}`);
  return [time.slice(11, 23), level.padEnd(5), msg, ...rest].join(' ');
}

function textOf(value: unknown): string {
  if (typeof value !== 'string') return JSON.stringify(value);
  return /^[^\s"=]+$/.test(value) ? value : JSON.stringify(value);
}
