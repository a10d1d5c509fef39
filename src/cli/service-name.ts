import { ServiceNameSchema } from '../registry/index.ts';
import { usage } from './arguments.ts';

/** @throws RollcallError INVALID_CONFIG when it cannot be a service's name. */
export function serviceName(word: string | undefined): string {
  const parsed = ServiceNameSchema.safeParse(word);
  if (parsed.success) return parsed.data;
  throw usage(`"${word ?? ''}": ${parsed.error.issues[0]?.message ?? 'not a service name'}`);
}
