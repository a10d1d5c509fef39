import { overrideText, unreadableText } from './chronicle.ts';
import type {
  Explanation,
  HistoryEntry,
  ListedProvider,
  Override,
  SuspectProvider,
  ViewState,
} from './ports.ts';

/** What the view, the overrides and the history know of one service and id. */
export interface ExplainFacts {
  readonly service: string;
  readonly id: string;
  readonly state: ViewState;
  /** Whether the service has a directory in ZooKeeper. */
  readonly known: boolean;
  /** Why nothing is known of the service; undefined: something is. */
  readonly unreadable: string | undefined;
  readonly znodes: Explanation['znodes'];
  readonly provider: ListedProvider | undefined;
  readonly suspect: SuspectProvider | undefined;
  readonly override: Override | undefined;
  /** There is an override that cannot be read: why. */
  readonly unreadableOverride: string | undefined;
  /** Of this id alone, newest last. */
  readonly history: readonly HistoryEntry[];
}

const MAX_LABEL = 63;
const MAX_DNS_NAME = 253;

/** Why DNS cannot carry the service's name as it is; undefined when it can. */
export function dnsObstacle(service: string): string | undefined {
  const labels = service.split('.');
  if (labels.some(label => label === '')) return 'has an empty label';
  const long = labels.find(label => label.length > MAX_LABEL);
  if (long !== undefined)
    return `has a label of ${long.length} characters; DNS carries ${MAX_LABEL}`;
  if (service.length > MAX_DNS_NAME) return `is longer than ${MAX_DNS_NAME} characters`;
  if (/[:_]/.test(service)) return 'contains : or _, which a host name cannot';
  return undefined;
}

const inDefaultList = (provider: ListedProvider): boolean =>
  provider.record.status === 'up' && provider.healthy !== false;

function whyListed(provider: ListedProvider): readonly string[] {
  const { status, weight } = provider.record;
  const reasons: string[] = [];
  if (status !== 'up') {
    reasons.push(
      `listed, but not by default: its status is ${status} (?include=${status} shows it)`,
    );
  } else if (provider.healthy === false) {
    reasons.push(
      'listed, but not by default: its active check fails (?include=unhealthy shows it)',
    );
  } else reasons.push('listed: its znode is there and its status is up');
  if (weight === 0) reasons.push('never picked: its weight is 0');
  return reasons;
}

/** What the last thing was that happened to an id that is not there. */
function whyAbsent({ known, unreadable, history, id, service }: ExplainFacts): string {
  if (unreadable !== undefined) return `not known: ${unreadable}`;
  const last = history.findLast(({ event }) => event === 'left');
  if (last !== undefined) {
    return `not listed: it left at ${last.at} (${last.cause ?? 'cause unknown'}): ${last.detail}`;
  }
  if (!known) return `not listed: the service ${service} has no directory in ZooKeeper`;
  if (history.length > 0) return 'not listed: its znode is gone, and how it left is forgotten';
  return `not listed: no znode of ${service} has claimed the id ${id} as far as this replica remembers`;
}

function whyNotListed(facts: ExplainFacts): readonly string[] {
  const rejected = facts.znodes.find(({ verdict }) => verdict === 'rejected');
  const suspect =
    facts.suspect === undefined
      ? []
      : [
          `not listed, but kept as a suspect from ${facts.suspect.vanishedAt} until ${facts.suspect.heldUntil} at the longest: ${facts.suspect.reason}`,
        ];
  if (rejected !== undefined) {
    return [
      `not listed: ${rejected.znode} holds no provider record: ${rejected.detail}`,
      ...suspect,
    ];
  }
  return [...suspect, whyAbsent(facts)];
}

function whyOthers({ znodes, provider }: ExplainFacts): readonly string[] {
  return znodes.flatMap(({ znode, verdict, detail }) => {
    if (verdict === 'conflict')
      return [`conflict: ${znode} claims the same id and stays: ${detail}`];
    if (verdict === 'superseded') return [`superseded: ${znode}: ${detail}`];
    if (verdict === 'rejected' && provider !== undefined) return [`rejected: ${znode}: ${detail}`];
    return [];
  });
}

function whyOverride(facts: ExplainFacts): readonly string[] {
  const { override, unreadableOverride, provider } = facts;
  if (unreadableOverride !== undefined) return [unreadableText(unreadableOverride)];
  if (override === undefined) return [];
  const waits = provider === undefined ? ', which takes effect when it is listed' : '';
  return [`an operator set${waits}: ${overrideText(override)}`];
}

/** The view's own state, the deciding reason before there is a view, a warning afterwards. */
function whyState(state: ViewState): readonly string[] {
  if (state.kind === 'syncing') {
    return ['this replica has no complete view yet: what it does not list may well be there'];
  }
  if (state.kind === 'live') return [];
  const since = new Date(state.sinceWallMs).toISOString();
  return [`the view is stale since ${since}: ZooKeeper may say otherwise by now`];
}

/** Pure: says why a provider is, or is not, where one looks for it. The deciding sentence comes first. */
export function explain(facts: ExplainFacts): Explanation {
  const { service, id, state, provider, suspect, override, znodes, history } = facts;
  const obstacle = dnsObstacle(service);
  const own = provider === undefined ? whyNotListed(facts) : whyListed(provider);
  const about = whyState(state);
  const reasons = [
    ...(state.kind === 'syncing' ? [...about, ...own] : own),
    ...whyOverride(facts),
    ...whyOthers(facts),
    ...(state.kind === 'syncing' ? [] : about),
    ...(obstacle === undefined ? [] : [`DNS cannot resolve the service: its name ${obstacle}`]),
  ];
  return {
    service,
    id,
    listed: provider !== undefined,
    inDefaultList: provider !== undefined && inDefaultList(provider),
    reasons,
    znodes,
    provider,
    suspect,
    override,
    history,
  };
}
