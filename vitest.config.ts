import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

/**
 * Threads that tests start are loaded from src/, by Node itself. Where it keeps what it made of the types' files, a thread
 * starts in a third of the time; and V8 is spared the wasm program that strips types, code of which it sometimes
 * confuses when several threads come and go at once ("Check failed: jit_page.has_value()", SIGTRAP).
 */
process.env['NODE_COMPILE_CACHE'] ??= fileURLToPath(new URL('node_modules/.cache/compiled', import.meta.url));

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    testTimeout: 120_000,
    hookTimeout: 120_000,
    pool: 'forks',
    // By default one core is left free, which on two halves the speed.
    maxWorkers: '100%',
  },
});
