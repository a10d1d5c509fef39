// A reporter of vitest: leaves the tests that could not be run here, each with its reason, in the file that ROLLCALL_NOT_RUN names.
import { writeFileSync } from 'node:fs';
import { relative } from 'node:path';
import { top } from './run-node.mjs';

export default class NotRunReporter {
  onTestRunEnd(modules) {
    const notRun = [];
    for (const module of modules) {
      for (const test of module.children.allTests('skipped')) {
        const { notRun: why } = test.meta();
        if (why === undefined) continue;
        notRun.push({ file: relative(top, module.moduleId), title: test.fullName, why });
      }
    }
    writeFileSync(process.env.ROLLCALL_NOT_RUN, JSON.stringify(notRun));
  }
}
