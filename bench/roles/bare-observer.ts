/** A bare node-zookeeper-client watcher: child watch, list again, read what is new. What a service author would write. */
import { bareChildren, bareClient, bareData } from '../anchors/node-by-node.ts';
import { wallNowMs } from '../figures.ts';
import { tell, tellAfterwards } from './messages.ts';

const [servers = '', directory = ''] = process.argv.slice(2);
const client = await bareClient(servers);
const known = new Map<string, string>();
let again = false;
let running = false;

async function look(): Promise<void> {
  const names = await bareChildren(client, directory, onEvent);
  const present = new Set(names);
  const fresh = names.filter(name => !known.has(name));
  await Promise.all(
    fresh.map(async name => {
      try {
        const record: unknown = JSON.parse(
          (await bareData(client, `${directory}/${name}`)).toString('utf8'),
        );
        const id =
          typeof record === 'object' && record !== null && 'id' in record
            ? String(record.id)
            : name;
        known.set(name, id);
        tellAfterwards({ kind: 'seen', by: 'bare', id, present: true, atMs: wallNowMs() });
      } catch {
        // Gone again between the list and the read: the next event tells.
      }
    }),
  );
  for (const [name, id] of known) {
    if (present.has(name)) continue;
    known.delete(name);
    tellAfterwards({ kind: 'seen', by: 'bare', id, present: false, atMs: wallNowMs() });
  }
}

async function run(): Promise<void> {
  if (running) {
    again = true;
    return;
  }
  running = true;
  do {
    again = false;
    await look();
  } while (again);
  running = false;
}

function onEvent(): void {
  void run();
}

await run();
tell({ kind: 'ready' });
process.once('disconnect', () => process.exit(0));
