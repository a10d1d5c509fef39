/**
 * `ROLLCALL_TEST_SERVER=embedded` runs the tests on the embedded server instead of a real ZooKeeper: then no Java is needed.
 * Vitest hands the variable on to every worker.
 */
export const onEmbedded = process.env['ROLLCALL_TEST_SERVER'] === 'embedded';
