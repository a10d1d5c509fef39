import { defineConfig } from 'vitest/config';

/** Apart from the other projects: these tests need packages, which `npm test` must do without. */
export default defineConfig({
  test: {
    name: 'interop',
    pool: 'forks',
    maxWorkers: 2,
    include: ['test/interop/**/*.test.ts'],
    globalSetup: ['test/interop/global-setup.ts'],
    testTimeout: 120_000,
    hookTimeout: 120_000,
  },
});
