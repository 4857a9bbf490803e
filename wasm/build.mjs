/**
 * Builds wasm/chunker.ts into wasm/build/chunker.wasm, or into the file named as the only argument. The same compiler
 * version gives the same bytes; the built file is committed, and a test compares.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import asc from 'assemblyscript/asc';

const here = dirname(fileURLToPath(import.meta.url));
const target = resolve(process.argv[2] ?? resolve(here, 'build/chunker.wasm'));
const files = new Map();

const options = ['--optimizeLevel', '3', '--shrinkLevel', '0', '--converge', '--noAssert'];
const { error, stderr } = await asc.main(
  ['chunker.ts', '--outFile', 'chunker.wasm', '--runtime', 'stub', '--use', 'abort=', ...options],
  {
    readFile: (name) => (name === 'chunker.ts' ? readFileSync(resolve(here, name), 'utf8') : null),
    writeFile: (name, contents) => void files.set(name, contents),
    listFiles: () => [],
  },
);
const binary = files.get('chunker.wasm');
if (error !== null || binary === undefined) {
  process.stderr.write(`${stderr.toString()}${error?.message ?? ''}\n`);
  process.exit(1);
}
mkdirSync(dirname(target), { recursive: true });
writeFileSync(target, binary);
