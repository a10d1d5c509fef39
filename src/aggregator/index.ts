export { type Aggregator, type AggregatorOptions, openAggregator } from './aggregator.ts';
export type * from './ports.ts';
