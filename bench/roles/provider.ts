/** One provider with a session of its own, there to be killed with SIGKILL. */
import { encodeRecord, layout, makeProvider } from '../../src/registry/index.ts';
import { openSession } from '../../src/zookeeper/index.ts';
import { tell } from './messages.ts';

const [servers = '', root = '', service = '', id = '', timeoutMs = '400'] = process.argv.slice(2);
const session = await openSession({ servers, timeoutMs: Number(timeoutMs) });
await session.connected();
const record = makeProvider({ v: 1, id, service, address: '127.0.0.1', port: 1 });
await session.create(`${layout(root).providers(service)}/bench-killed-`, encodeRecord(record), {
  mode: 'ephemeral-sequential',
});
tell({ kind: 'announced', sessionId: String(session.sessionId), id });
process.once('disconnect', () => process.exit(0));
