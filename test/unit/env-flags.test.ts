import { expect, test } from 'vitest';
import { z } from 'zod';
import { integerFlag, optionalFlagOf, readSettings } from '../../src/daemon/index.ts';
import { readTarget, TARGET_HINT } from '../../src/cli/probe.ts';

const schema = z.object({
  port: integerFlag(1, 65_535, { help: '', value: 'N', fallback: '80' }),
  check: optionalFlagOf(readTarget, TARGET_HINT, { help: '', value: 'URL' }),
});

test('a TCP check may come from the environment, beside what Kubernetes injects', () => {
  const env = { ROLLCALL_CHECK: 'tcp://127.0.0.1:8080', ROLLCALL_PORT: 'tcp://10.0.0.7:7070' };
  expect(readSettings(schema, { flags: {}, env })).toEqual({
    port: 80,
    check: { kind: 'tcp', host: '127.0.0.1', port: 8080 },
  });
});
