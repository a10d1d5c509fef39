#!/usr/bin/env node
// Not built, so that it is there from the beginning: npx makes its link once, to what it finds, and never looks again.
import { existsSync } from 'node:fs';

const main = new URL('../dist/cli/main.js', import.meta.url);
if (existsSync(main)) await import(main.href);
else {
  process.stderr.write(
    'rollcall: it is not built yet: run "npm run build", or wait for npm start\n',
  );
  process.exit(1);
}
