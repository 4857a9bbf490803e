/** Directories that are kept as they were must be what they would be if everything were read and encoded again. */
import {
  chmodSync,
  linkSync,
  mkdirSync,
  readdirSync,
  renameSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { toHex } from '../../src/core/bytes.ts';
import { tempFolder } from '../support/temp-repository.ts';
import { type Found, noise, TestRepository } from './backup-support.ts';

/** Files by number, spread over directories; 3 of them in one directory of some thousand. */
function place(root: string, n: number): string {
  return n % 10 < 3 ? join(root, 'many', `m${n}`) : join(root, `d${n % 4}`, `e${n % 3}`, `f${n}`);
}

type Edit = readonly [kind: number, file: number, other: number];

const EDITS: ((root: string, file: string, other: string, n: number) => void)[] = [
  (_root, file, _other, n) => writeFileSync(file, noise(n * 7, n)),
  (_root, file) => rmSync(file, { force: true }),
  (_root, file) => chmodSync(file, 0o600),
  (_root, file, _other, n) => utimesSync(file, n, n),
  (_root, file, other) => renameSync(file, other),
  (root, _file, _other, n) => rmSync(join(root, `d${n % 4}`), { recursive: true, force: true }),
  (root, _file, _other, n) => mkdirSync(join(root, 'many', `sub${n}`), { recursive: true }),
  (root, file, _other, n) => symlinkSync(file, join(root, 'many', `l${n}`)),
  (root, file, _other, n) => linkSync(file, join(root, 'many', `h${n}`)),
  (root, _file, _other, n) => chmodSync(join(root, 'many'), n % 2 === 0 ? 0o700 : 0o755),
];

function edit(root: string, [kind, file, other]: Edit): void {
  try {
    EDITS[kind]?.(root, place(root, file), place(root, other), file);
  } catch {
    // What an earlier edit took away cannot be edited.
  }
}

/** All but where the bytes lie: files that are read again may be bundled in another company. */
function facts(found: Map<string, Found>): [string, unknown][] {
  return [...found].map(([path, { content, tree, bytes, contentHash, ...rest }]) => [
    path,
    { ...rest, name: toHex(rest.name), hash: contentHash && toHex(contentHash), bytes: bytes?.toString('latin1') },
  ]);
}

it('after any edits a snapshot is what it would be without one before it', async () => {
  const anyEdit = fc.tuple(fc.nat(EDITS.length - 1), fc.nat(400), fc.nat(400));
  await fc.assert(
    fc.asyncProperty(fc.array(fc.array(anyEdit, { maxLength: 4 }), { minLength: 1, maxLength: 3 }), async (rounds) => {
      const made = await TestRepository.make();
      const root = await tempFolder();
      mkdirSync(join(root, 'many'));
      for (let d = 0; d < 4; d++)
        for (let e = 0; e < 3; e++) mkdirSync(join(root, `d${d}`, `e${e}`), { recursive: true });
      for (let n = 0; n < 400; n++) writeFileSync(place(root, n), noise(n % 50, n));
      await made.snapshot([root]);
      for (const edits of rounds) {
        for (const one of edits) edit(root, one);
        const { snapshot } = await made.snapshot([root]);
        const again = await made.snapshot([root], { force: true });
        expect(facts(await made.read(snapshot))).toEqual(facts(await made.read(again.snapshot)));
      }
    }),
    { numRuns: 6 },
  );
});

it('keeps a directory of several parts, and notices one name less', async () => {
  const made = await TestRepository.make();
  const root = await tempFolder();
  mkdirSync(join(root, 'many'));
  for (let n = 0; n < 3000; n++) writeFileSync(join(root, 'many', `m${n}`), '');
  const first = await made.snapshot([root]);
  const many = (found: Map<string, Found>): Found | undefined => found.get(`${root}/many`);
  const before = many(await made.read(first.snapshot));
  const second = await made.snapshot([root]);
  expect(second.bytesAdded).toBe(0);
  expect(many(await made.read(second.snapshot))?.tree).toEqual(before?.tree);
  // The last name by its bytes: everything that is asked for is found in its place.
  const last = readdirSync(join(root, 'many')).sort().at(-1) ?? '';
  rmSync(join(root, 'many', last));
  const found = await made.read((await made.snapshot([root])).snapshot);
  expect(found.has(`${root}/many/${last}`)).toBe(false);
  expect([...found.keys()].filter((path) => path.startsWith(`${root}/many/`))).toHaveLength(2999);
});
