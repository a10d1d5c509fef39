import type { Explanation, ListedProvider, Override, SuspectProvider } from './ports.ts';
import type { IdClaims } from './provider-claims.ts';
import type { ServiceState } from './service-state.ts';

/** Everything that the view knows of one id of one service, for `explain`. */
export interface Inspection {
  readonly znodes: Explanation['znodes'];
  readonly provider: ListedProvider | undefined;
  readonly suspect: SuspectProvider | undefined;
  readonly override: Override | undefined;
  /** There is an override that cannot be read: why. */
  readonly unreadableOverride: string | undefined;
}

const NOTHING: Inspection = {
  znodes: [],
  provider: undefined,
  suspect: undefined,
  override: undefined,
  unreadableOverride: undefined,
};

const hex = (value: bigint): string => `0x${value.toString(16)}`;

export function inspect(state: ServiceState | undefined, id: string): Inspection {
  if (state === undefined) return NOTHING;
  return {
    znodes: [...claimed(state, state.claimsOf(id)), ...rejected(state, id)],
    provider: state.listed.get(id),
    suspect: state.suspects.get(id),
    override: state.overrideOf(id),
    unreadableOverride: state.unreadableOverrideOf(id),
  };
}

function claimed(state: ServiceState, claims: IdClaims | undefined): Explanation['znodes'] {
  if (claims === undefined) return [];
  const { winner, superseded } = claims;
  const lasting = state.isConflict(winner.record.id);
  const others = superseded.map(({ znode, czxid, sessionId }) => {
    const isRival = sessionId !== winner.sessionId;
    const verdict = lasting && isRival ? ('conflict' as const) : ('superseded' as const);
    const owner = isRival ? `session ${hex(sessionId)} owns it` : 'the same session owns both';
    return {
      znode,
      czxid,
      sessionId,
      verdict,
      detail: `older than ${winner.znode}, which speaks for the id; ${owner}`,
    };
  });
  const { znode, czxid, sessionId } = winner;
  const detail =
    others.length === 0 ? 'the only znode with this id' : 'the youngest of those with this id';
  return [{ znode, czxid, sessionId, verdict: 'listed', detail }, ...others];
}

/** Those whose bytes name the id, or whose znode is called so. */
function rejected(state: ServiceState, id: string): Explanation['znodes'] {
  return [...state.rejected()]
    .filter(({ namedId, znode }) => namedId === id || znode.endsWith(`/${id}`))
    .map(({ znode, czxid, sessionId, reason, detail }) => ({
      znode,
      czxid,
      sessionId,
      verdict: 'rejected' as const,
      detail: `${reason}: ${detail}`,
    }));
}
