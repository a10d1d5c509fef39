/**
 * What a test run ends with, when there is anything that it did not run.
 *
 * @param {readonly { readonly file: string, readonly title: string, readonly why: string }[]} notRun
 * @param {string | undefined} remedy what to do for a run on a real ZooKeeper; undefined when this one was
 * @returns {string} empty when everything was run on a real one
 */
export function closingWords(notRun, remedy) {
  const lines = [];
  if (notRun.length > 0) lines.push(`NOT RUN: ${counted(notRun.length)}`);
  for (const why of new Set(notRun.map(test => test.why))) {
    lines.push(`  ${why}:`);
    for (const test of notRun) if (test.why === why) lines.push(`    ${test.file} > ${test.title}`);
  }
  if (remedy !== undefined) {
    lines.push('NO REAL ZOOKEEPER: what ran, ran on the embedded server alone.');
    lines.push(remedy);
  }
  if (lines.length === 0) return '';
  return ['', RULE, ...lines, RULE, ''].join('\n');
}

const RULE = '!'.repeat(80);

const counted = count => (count === 1 ? '1 test' : `${count} tests`);
