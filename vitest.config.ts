import { defineConfig } from 'vitest/config';

interface ProjectPlan {
  readonly name: string;
  /** Whether its files use the shared ZooKeeper that the global setup starts. */
  readonly zookeeper: boolean;
  readonly timeoutMs: number;
}

const plans: readonly ProjectPlan[] = [
  { name: 'unit', zookeeper: false, timeoutMs: 30_000 },
  { name: 'contract', zookeeper: true, timeoutMs: 60_000 },
  { name: 'integration', zookeeper: true, timeoutMs: 60_000 },
  { name: 'property', zookeeper: true, timeoutMs: 120_000 },
  { name: 'http', zookeeper: true, timeoutMs: 60_000 },
  { name: 'chaos', zookeeper: true, timeoutMs: 120_000 },
  { name: 'e2e', zookeeper: true, timeoutMs: 120_000 },
];

export default defineConfig({
  test: {
    pool: 'forks',
    maxWorkers: 2,
    projects: plans.map(({ name, zookeeper, timeoutMs }) => ({
      test: {
        name,
        include: [`test/${name}/**/*.test.ts`],
        testTimeout: timeoutMs,
        hookTimeout: timeoutMs,
        // As patient as `eventually`: vitest's own second is a race on a busy machine.
        expect: { poll: { timeout: 20_000, interval: 20 } },
        setupFiles: zookeeper ? ['test/support/leftovers.ts'] : [],
        globalSetup: zookeeper ? ['test/support/global-setup.ts'] : [],
      },
    })),
  },
});
