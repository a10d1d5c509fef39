/** How a provider's check stands. `against` counts results in a row that speak against `passing`. */
export interface Verdict {
  /** undefined until the first verdict: nothing is announced before it. */
  readonly passing: boolean | undefined;
  readonly against: number;
}

export interface Thresholds {
  /** So many successes in a row make it pass. */
  readonly rise: number;
  /** So many failures in a row make it fail. */
  readonly fall: number;
}

export const NO_VERDICT: Verdict = { passing: undefined, against: 0 };

/** The verdict after one more result. */
export function nextVerdict(
  before: Verdict,
  success: boolean,
  { rise, fall }: Thresholds,
): Verdict {
  const { passing } = before;
  if (passing === undefined && !success) return NO_VERDICT;
  if (passing === success) return { passing, against: 0 };
  const against = before.against + 1;
  const needed = success ? rise : fall;
  return against >= needed ? { passing: success, against: 0 } : { passing, against };
}
