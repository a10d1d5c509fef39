export { type AppOptions, buildApp, type HttpLimits } from './app.ts';
export { createLifecycle, type Lifecycle, type Phase } from './lifecycle.ts';
export { decidePoll, type PollDecision, type PollFacts } from './poll-decision.ts';
export {
  type HttpServer,
  type ServerOptions,
  type ShutdownOptions,
  startServer,
} from './server.ts';
export type { StreamSettings } from './streams.ts';
export { readTokens, type Role, type TokenTable } from './tokens.ts';
