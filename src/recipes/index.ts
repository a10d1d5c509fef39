export {
  type Duty,
  type Election,
  type ElectionOptions,
  openElection,
  type Term,
} from './election.ts';
export { type Hold } from './hold.ts';
export { type Leader } from './leader.ts';
