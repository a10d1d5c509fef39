/** A web server that is listed as a provider of `hello` for as long as it serves. */
import { once } from 'node:events';
import { createServer } from 'node:http';
import { announce, openSession } from 'rollcall';

const port = Number(process.env['PORT'] ?? 8080);
const server = createServer((_request, response) => response.end(`hello from ${port}\n`));
server.listen(port, '127.0.0.1');
await once(server, 'listening');

const session = await openSession({
  servers: process.env['ROLLCALL_ZOOKEEPER'] ?? '127.0.0.1:2181',
});
const registration = await announce(
  session,
  { service: 'hello', id: `hello-${port}`, address: '127.0.0.1', port, protocol: 'http' },
  { drainMs: 3_000 }, // callers have three seconds to turn away before the node is gone
);
console.log(`announced as ${registration.path}; Ctrl-C says goodbye`);

await Promise.race([once(process, 'SIGINT'), once(process, 'SIGTERM')]);
await registration.close();
server.close();
await session.close();
console.log('left');
