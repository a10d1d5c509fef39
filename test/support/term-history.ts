/** What happened to the terms of an election, in the order in which it happened. */
export type TermEvent =
  | { readonly kind: 'began' | 'ended'; readonly member: string; readonly token: bigint }
  /** From here on this member may not know what the others see: its link was cut, it stood still, its node was taken away. */
  | { readonly kind: 'disturbed'; readonly member: string };

/**
 * What a history has that no election may have: a term that began while another, undisturbed one was on, and a token that is not
 * above all tokens before it.
 */
export function violationsOf(history: readonly TermEvent[]): readonly string[] {
  const violations: string[] = [];
  const undisturbed = new Map<string, bigint>();
  let highest = -1n;
  for (const event of history) {
    if (event.kind !== 'began') {
      undisturbed.delete(event.member);
      continue;
    }
    for (const [member, token] of undisturbed) {
      violations.push(`${event.member} began ${event.token} during the term ${token} of ${member}`);
    }
    if (event.token <= highest) {
      violations.push(`the token ${event.token} of ${event.member} came after ${highest}`);
    }
    highest = event.token > highest ? event.token : highest;
    undisturbed.set(event.member, event.token);
  }
  return violations;
}
