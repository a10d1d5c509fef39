export type { OpenWrites } from './access.ts';
export { type HttpServer, type ServerOptions, startServer } from './server.ts';
export { readTokens } from './tokens.ts';
