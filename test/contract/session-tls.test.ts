import { expect } from 'vitest';
import { openSession } from '../../src/zookeeper/session.ts';
import { certificates } from '../support/certificates.ts';
import { eventually } from '../support/eventually.ts';
import { realOnly } from '../support/own-zookeeper.ts';
import { secureZooKeeper } from '../support/secure-zookeeper.ts';

realOnly('the embedded server has no TLS')(
  'a session over TLS, with a client certificate, does all that another does',
  async () => {
    await using made = await certificates();
    const { zookeeper, servers } = await secureZooKeeper(made);
    await using _closing = zookeeper;
    const { cert, key } = made.client;
    await using session = await openSession({ servers, tls: { ca: made.ca, cert, key } });
    const data = Buffer.alloc(300_000, 'x');
    await session.create('/n', data);
    expect((await session.getData('/n')).data.equals(data)).toBe(true);
    const { path } = await session.create('/e-', Buffer.alloc(0), { mode: 'ephemeral-sequential' });
    expect((await session.exists(path))?.ephemeralOwner).toBe(session.sessionId);
    expect(await session.whoAmI()).toContainEqual(expect.objectContaining({ scheme: 'x509' }));
  },
);

realOnly('the embedded server has no TLS')(
  'without a certificate that the server accepts, or from an authority we do not know, there is no session',
  async () => {
    await using made = await certificates();
    await using foreign = await certificates();
    const { zookeeper, servers } = await secureZooKeeper(made);
    await using _closing = zookeeper;
    const warnings: object[] = [];
    const note = (fields: object): void => void warnings.push(fields);
    const logger = { debug: note, info: note, warn: note, error: note };
    for (const tls of [{ ca: made.ca }, { ca: foreign.ca, ...made.client }]) {
      warnings.length = 0;
      const session = await openSession({ servers, tls, logger });
      await eventually(() => expect(warnings.length).toBeGreaterThanOrEqual(3), {
        timeout: 20_000,
      });
      expect(session.state.kind).toBe('connecting');
      await session.close();
    }
  },
);
