export { type Aggregator, openAggregator } from './aggregator.ts';
export type * from './ports.ts';
