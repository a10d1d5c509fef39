// A process that announces one provider, says so, and lives on until it is killed: SERVERS SERVICE ID TIMEOUT_MS.
import { announce } from '../../src/registry/index.ts';
import { openSession } from '../../src/zookeeper/index.ts';

const [servers = '', service = '', id = '', timeoutMs = ''] = process.argv.slice(3);
const session = await openSession({ servers, timeoutMs: Number(timeoutMs) });
const { path } = await announce(session, { id, service, address: '127.0.0.1', port: 8080 });
process.stdout.write(`announced ${path}\n`);
