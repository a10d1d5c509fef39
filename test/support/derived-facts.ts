import type { ListedProvider, ServiceCounts } from '../../src/aggregator/ports.ts';
import { makeProvider, type ProviderRecordInput } from '../../src/registry/index.ts';

export interface ProviderFacts extends Partial<ProviderRecordInput> {
  readonly healthy?: boolean | undefined;
  readonly sessionId?: bigint;
}

/** A listed provider of the service `orders`, with what a test does not care about filled in. */
export function listed(id: string, facts: ProviderFacts = {}): ListedProvider {
  const { healthy, sessionId = 0x1n, ...given } = facts;
  const plain = { v: 1, id, service: 'orders', address: '10.0.0.5', port: 80 };
  const record = makeProvider({ ...plain, ...given });
  return {
    id,
    record,
    status: record.status,
    znode: `/rollcall/services/orders/providers/${id}-0000000000`,
    czxid: 10n,
    mzxid: 10n,
    sessionId,
    since: '2026-01-01T00:00:00.000Z',
    override: undefined,
    healthy,
  };
}

export function counts(some: Partial<ServiceCounts> = {}): ServiceCounts {
  return {
    total: 0,
    up: 0,
    starting: 0,
    draining: 0,
    down: 0,
    unhealthy: 0,
    suspects: 0,
    ...some,
  };
}
