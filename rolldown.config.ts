/**
 * dist/ from src/: one file for each command and each thread, and shared chunks, with the packages inside. Opening and
 * resolving some 400 small files was most of the start (docs/decisions/0004-start-up.md).
 */
import { globSync } from 'node:fs';
import { defineConfig, type Plugin } from 'rolldown';

/** What oclif, the launcher or a `new Worker` loads by its path. */
const entries = ['cli/main.ts', 'commands/**/*.ts', 'tasks/*/thread.ts', 'cli/agent/process.ts'].flatMap((pattern) =>
  globSync(pattern, { cwd: 'src' }),
);

const SORTED_BY_LOCALE = '.sort((a, b) => a.id.localeCompare(b.id))';

/** Without what oclif does at every start and neo has no use for. */
const leanOclif: Plugin = {
  name: 'lean-oclif',
  // 10 ms, to tell Windows' Linux from others.
  resolveId: (id) => (id === 'wsl-utils' ? '\0wsl-utils' : null),
  load: (id) => (id === '\0wsl-utils' ? 'export const isWsl = false;' : null),
  // 15 ms to load the rules of the locale, to put a handful of plain words in order.
  transform(code, id) {
    if (!id.endsWith('@oclif/core/lib/config/plugin.js')) return null;
    if (!code.includes(SORTED_BY_LOCALE)) this.error('oclif sorts its commands in another way: see what it costs');
    return code.replace(SORTED_BY_LOCALE, '.sort((a, b) => (a.id < b.id ? -1 : 1))');
  },
};

/** Ink asks for React's developer tools when DEV is set. */
const leanInk: Plugin = {
  name: 'lean-ink',
  resolveId: (id) => (id === 'react-devtools-core' ? '\0react-devtools-core' : null),
  load: (id) => (id === '\0react-devtools-core' ? 'export default {};' : null),
};

/** Amazon's packages as modules: of their other form, which says `require`, the bundler leaves nothing out, and 13 ms go by. */
const modularAws: Plugin = {
  name: 'modular-aws',
  resolveId: {
    filter: { id: /^@(aws-sdk|smithy)\// },
    async handler(id, importer, options) {
      const resolved = await this.resolve(id, importer, { ...options, skipSelf: true });
      const id_ = resolved?.id.replace('/dist-cjs/', '/dist-es/');
      return resolved === null || id_ === undefined ? null : { ...resolved, id: id_ };
    },
  },
};

export default defineConfig({
  input: Object.fromEntries(entries.map((path) => [path.slice(0, -'.ts'.length), `src/${path}`])),
  platform: 'node',
  // Native parts cannot be bundled, and cryptography stays as it was published.
  external: ['node:sqlite', /^@napi-rs\//, /^@noble\//, 'hash-wasm', 'koffi', 'zstd-codec'],
  // React checks much more, and is half as fast, where nobody says that it is not being developed.
  transform: { define: { 'process.env.NODE_ENV': '"production"' } },
  plugins: [leanOclif, leanInk, modularAws],
  output: {
    dir: 'dist.new',
    entryFileNames: '[name].js',
    chunkFileNames: 'chunks/[name]-[hash].js',
  },
});
