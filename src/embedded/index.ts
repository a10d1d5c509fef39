export { type EmbeddedOptions } from './options.ts';
export { startEmbeddedServer, type EmbeddedServer } from './server.ts';
