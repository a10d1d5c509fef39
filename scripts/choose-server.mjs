/**
 * Which server the tests run on.
 *
 * @typedef {{ readonly kind: 'real' }
 *   | { readonly kind: 'embedded', readonly remedy: string }
 *   | { readonly kind: 'refused', readonly line: string }} Choice `remedy` is what to do for a run on a real one; `line` is why no
 * test is run.
 */

/**
 * A real ZooKeeper wherever one is to be had, and the embedded server otherwise, unless the environment demands a real one.
 *
 * @param {NodeJS.ProcessEnv} env
 * @param {() => { readonly kind: 'found' } | { readonly kind: 'missing', readonly advice: string }} provide finds a real one, or
 * installs it where that may be done
 * @returns {Choice}
 */
export function chooseServer(env, provide) {
  const demanded = !['', '0'].includes(env.ROLLCALL_REQUIRE_ZOOKEEPER ?? '');
  if (env.ROLLCALL_TEST_SERVER === 'embedded') {
    if (!demanded)
      return { kind: 'embedded', remedy: 'Unset ROLLCALL_TEST_SERVER for a run on a real one.' };
    const line =
      'ROLLCALL_TEST_SERVER=embedded and ROLLCALL_REQUIRE_ZOOKEEPER contradict each other: unset one';
    return { kind: 'refused', line };
  }
  const search = provide();
  if (search.kind === 'found') return { kind: 'real' };
  // Whoever set ZOOKEEPER_HOME wants that one, and no other.
  if (demanded || env.ZOOKEEPER_HOME) return { kind: 'refused', line: search.advice };
  const remedy = `${search.advice}. As root on Debian or Ubuntu, npm test installs them itself.`;
  return { kind: 'embedded', remedy };
}
