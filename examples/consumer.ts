/** Follows the providers of `hello`, and calls one of them each second. */
import { setTimeout as sleep } from 'node:timers/promises';
import { errorText, openSession, subscribe } from 'rollcall';

const session = await openSession({
  servers: process.env['ROLLCALL_ZOOKEEPER'] ?? '127.0.0.1:2181',
});
const hello = subscribe(session, 'hello');
hello.onEvent(event => console.log(JSON.stringify(event)));
await hello.ready();

let over = false;
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => (over = true));
while (!over) {
  try {
    const { provider } = hello.pick();
    const response = await fetch(`http://${provider.address}:${provider.port}/`);
    console.log(`${provider.id} says: ${(await response.text()).trim()}`);
  } catch (error) {
    console.log(`nobody to call: ${errorText(error)}`);
  }
  await sleep(1_000);
}
await hello.close();
await session.close();
