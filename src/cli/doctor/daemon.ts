import { z } from 'zod';
import { errorText } from '../../kernel/errors.ts';
import type { DaemonClient } from '../daemon-client.ts';
import { fail, type Finding, ok, warn } from './finding.ts';

const Aggregators = z.looseObject({
  members: z.array(z.looseObject({ id: z.string(), master: z.boolean() })),
});

/** Looks at a daemon from outside, as a client does. */
export async function examineDaemon(
  client: DaemonClient,
  server: URL,
): Promise<readonly Finding[]> {
  try {
    await client.get('healthz');
  } catch (error) {
    return [fail('daemon', errorText(error), 'is it the address of its --http?')];
  }
  const findings = [ok('daemon', `${server.origin} is alive`)];
  try {
    await client.get('readyz');
    const { body, view } = await client.get('v1/aggregators');
    const { members } = Aggregators.parse(body);
    const masters = members.filter(({ master }) => master).map(({ id }) => id);
    const text = `${members.length} aggregators, master: ${masters.join(', ') || 'none'}`;
    findings.push(
      masters.length === 1
        ? ok('daemon', text)
        : warn(
            'daemon',
            text,
            'ask again in a moment: a master is elected within the session timeout',
          ),
    );
    if (view === 'stale') {
      findings.push(warn('daemon', 'its view is stale', 'it cannot reach ZooKeeper: see its log'));
    }
  } catch (error) {
    findings.push(fail('daemon', `it is not ready (${errorText(error)})`, 'see its log'));
  }
  return findings;
}
