// A process that is a replica, and tells of it line by line: ARGS are servers, session timeout in ms, id, ms between rounds of writes.
import { openSession } from '../../src/zookeeper/index.ts';
import { openReplica } from './replica.ts';

const [servers = '', timeoutMs, id = '', everyMs] = process.argv.slice(3);
const say = (text: string): void => void process.stdout.write(`${text}\n`);

const session = await openSession({ servers, timeoutMs: Number(timeoutMs) });
session.onState(state => say(`session ${state.kind}`));
const replica = await openReplica(session, { id, everyMs: Number(everyMs) });
const sayMaster = (): void => say(`master ${replica.aggregators().master?.id ?? 'none'}`);
replica.view.onTopic('services', () => say(`services ${replica.view.services().services.length}`));
replica.view.onTopic('members', sayMaster);
sayMaster();
