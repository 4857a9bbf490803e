/** Which engine loads, what it costs, and that the portable one stands without Node. */
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { loadEngine } from '../../src/engine/load.ts';

const folder = new URL('../../src/engine/', import.meta.url);

test('native is the choice where it loads, and names force', async () => {
  expect((await loadEngine()).name).toBe('native');
  expect((await loadEngine('native')).name).toBe('native');
  expect((await loadEngine('portable')).name).toBe('portable');
});

test('the loader alone brings in no engine, and each engine only its own parts', () => {
  const script = (name: string) => `
    import { registerHooks } from 'node:module';
    const seen = [];
    registerHooks({ resolve: (s, c, next) => { seen.push(s); return next(s, c); } });
    const { loadEngine } = await import(${JSON.stringify(new URL('load.ts', folder).href)});
    if (${JSON.stringify(name)} !== '') await loadEngine(${JSON.stringify(name)});
    console.log(JSON.stringify(seen));`;
  const loaded = (name: string): string[] =>
    JSON.parse(execFileSync(process.execPath, ['--input-type=module', '-e', script(name)], { encoding: 'utf8' }));
  expect(
    loaded('').filter((name) => /noble|hash-wasm|zstd|blake-hash|node:crypto|zlib|native|portable/.test(name)),
  ).toEqual([]);
  expect(loaded('native').filter((name) => /noble|hash-wasm|zstd-codec/.test(name))).toEqual([
    // Of hash-wasm only BLAKE3, for short inputs.
    'hash-wasm/dist/blake3.umd.min.js',
  ]);
  expect(loaded('portable').filter((name) => /blake-hash|^node:(?!module)/.test(name))).toEqual([]);
});

test('no file of the portable engine imports from Node', () => {
  const imports = (file: string) =>
    [...readFileSync(new URL(file, folder), 'utf8').matchAll(/from '([^']+)'/g)].map((match) => match[1] ?? '');
  const files = readdirSync(folder).filter((file) => file.startsWith('portable') || file === 'frame.ts');
  expect(files.length).toBeGreaterThan(4);
  for (const file of files) expect(imports(file).filter((name) => name.startsWith('node:'))).toEqual([]);
});
