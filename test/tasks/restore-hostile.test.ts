/** Snapshots made to do harm: refused as integrity, and nothing is written outside of the target. */
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { toBase64, utf8 } from '../../src/core/bytes.ts';
import { contentKey } from '../../src/core/ids.ts';
import { canonicalJson, type Json } from '../../src/core/json.ts';
import { CODECS } from '../../src/engine/aead.ts';
import type { SnapshotBody } from '../../src/snapshot/snapshot.ts';
import { type RestoreOptions, restore, throwIfRefused } from '../../src/tasks/restore.ts';
import { Scratch } from '../fs/scratch.ts';
import { Craft } from './craft.ts';

let scratch: Scratch;
let craft: Craft;
let target: string;

beforeEach(async () => {
  scratch = Scratch.inMemory();
  craft = await Craft.start();
  target = join(scratch.text, 'deep', 'deeper', 'target');
  fs.mkdirSync(join(scratch.text, 'outside'));
  fs.writeFileSync(join(scratch.text, 'outside', 'kept'), 'as it was');
});
afterEach(() => scratch[Symbol.dispose]());

async function into(snapshot: SnapshotBody, options: Partial<RestoreOptions> = {}) {
  const warnings: string[] = [];
  const summary = await restore(
    craft.repository,
    { snapshot, destination: { type: 'directory', path: target }, workers: 0, ...options },
    (event) => event.type === 'warning' && warnings.push(event.message),
  );
  return { summary, warnings };
}

/** Everything in the scratch folder but the target: must be as it was made. */
function outside(): string[] {
  const all = fs.readdirSync(scratch.text, { recursive: true }).map(String);
  return all.filter((path) => !path.startsWith('deep/deeper/target')).sort();
}

const UNTOUCHED = ['deep', 'deep/deeper', 'outside', 'outside/kept'];

function expectUntouched(): void {
  expect(outside()).toEqual(UNTOUCHED);
  expect(fs.readFileSync(join(scratch.text, 'outside', 'kept'), 'utf8')).toBe('as it was');
}

describe('trees that no neo writes are refused', () => {
  const cases: readonly (readonly [string, (craft: Craft) => readonly Json[]])[] = [
    ['..', (c) => [c.directory('..', c.file('outside', 'x'))]],
    ['.', (c) => [c.file('.', 'x')]],
    ['a name with a slash', (c) => [c.file('../../outside/new', 'x')]],
    ['an absolute name', (c) => [c.file('/tmp/neo-was-here', 'x')]],
    ['an empty name', (c) => [c.file('', 'x')]],
    ['a name with NUL', (c) => [c.file('a\0b', 'x')]],
    ['a name that hides a slash', (c) => [c.file({ b: toBase64(utf8('../x')) }, 'x')]],
    ['a name of 300 bytes', (c) => [c.file('n'.repeat(300), 'x')]],
    ['a name twice', (c) => [c.file('a', 'x'), c.file('a', 'y')]],
    ['names out of order', (c) => [c.file('b', 'x'), c.file('a', 'y')]],
    [
      'a link, and a directory of that name',
      (c) => [c.entry('a', 'l', { L: '../../../outside' }), c.directory('a', c.file('new', 'x'))],
    ],
    ['a link, and a file of that name', (c) => [c.entry('a', 'l', { L: '../../../outside/kept' }), c.file('a', 'x')]],
    ['a link without a target', (c) => [c.entry('a', 'l')]],
    ['a directory without content', (c) => [c.entry('a', 'd')]],
    ['an unknown type', (c) => [c.entry('a', '?')]],
    ['data past the end', (c) => [c.file('a', 'xyz', { S: [[9, 3]], s: 3 })]],
    [
      'overlapping extents',
      (c) => [
        c.file('a', 'xyzxyz', {
          S: [
            [0, 3],
            [1, 3],
          ],
          s: 6,
        }),
      ],
    ],
    ['more content than its size', (c) => [c.file('a', 'xyz', { s: 2 })]],
    ['less content than its size', (c) => [c.file('a', 'xyz', { s: 4 })]],
    [
      'a slice beyond its bundle',
      (c) => [c.entry('a', 'f', { s: 9, c: { k: toBase64(c.save('data', utf8('abc'))), o: 1, z: 3 } })],
    ],
    [
      'a bundle that is shorter than said',
      (c) => [c.entry('a', 'f', { s: 9, c: { k: toBase64(c.save('data', utf8('abc'))), o: 0, z: 9 } })],
    ],
    ['a mode of more than 12 bits', (c) => [c.file('a', 'x', { m: 0o100644 })]],
    ['an impossible time', (c) => [c.file('a', 'x', { M: 'now' })]],
    ['attributes that are none', (c) => [c.file('a', 'x', { x: [['user.a']] })]],
  ];

  test.each(cases)('%s', async (_what, entries) => {
    const snapshot = await craft.finish(craft.directory('top', ...entries(craft)));
    await expect(into(snapshot)).rejects.toMatchObject({ code: 'integrity' });
    expectUntouched();
  });

  test.each(cases)('%s, with two workers and a part of the snapshot', async (_what, entries) => {
    const snapshot = await craft.finish(craft.directory('top', ...entries(craft)));
    const part = { path: utf8('/top'), workers: 2 };
    await expect(into(snapshot, part)).rejects.toMatchObject({ code: 'integrity' });
    expectUntouched();
    // No half-written file under any name.
    expect(fs.existsSync(target) ? fs.readdirSync(target).filter((name) => name.startsWith('.neo-')) : []).toEqual([]);
  });
});

test('a directory that contains itself', async () => {
  const inner = craft.directory('top', craft.file('a', 'x'));
  const snapshot = await craft.finish(inner);
  const loop = canonicalJson({ e: [craft.entry('top', 'd', { k: toBase64(snapshot.tree) })], l: 0 });
  const load = async () => loop;
  await expect(into(snapshot, { load })).rejects.toMatchObject({
    code: 'integrity',
    message: expect.stringContaining('contains itself'),
  });
  expectUntouched();
});

test('a part of a directory that contains itself', async () => {
  const snapshot = await craft.finish(craft.directory('top', craft.file('a', 'x')));
  const loop = canonicalJson({ e: [{ n: 'z', k: toBase64(snapshot.tree) }], l: 3 });
  await expect(into(snapshot, { load: async () => loop })).rejects.toMatchObject({ code: 'integrity' });
  expectUntouched();
});

test('a link that is there already is not written through', async () => {
  const snapshot = await craft.finish(
    craft.directory('top', craft.directory('a', craft.file('kept', 'x')), craft.file('b', 'y')),
  );
  fs.mkdirSync(join(target, 'top'), { recursive: true });
  fs.symlinkSync('../../../../outside', join(target, 'top', 'a'));
  fs.symlinkSync('../../../../outside/kept', join(target, 'top', 'b'));
  const { summary, warnings } = await into(snapshot);
  expect(summary).toMatchObject({ errors: 1, filesRestored: 1 });
  expect(warnings[0]).toContain('is there already');
  expect(fs.readFileSync(join(target, 'top', 'b'), 'utf8')).toBe('y');
  expectUntouched();
});

test('with --delete a link in the way is removed, not followed', async () => {
  const snapshot = await craft.finish(craft.directory('top', craft.directory('a', craft.file('kept', 'x'))));
  fs.mkdirSync(join(target, 'top'), { recursive: true });
  fs.symlinkSync('../../../../outside', join(target, 'top', 'a'));
  fs.symlinkSync('../../../../outside', join(target, 'top', 'c'));
  const { summary } = await into(snapshot, { delete: true });
  expect(summary).toMatchObject({ errors: 0, filesRestored: 1, deleted: 1 });
  expect(fs.readFileSync(join(target, 'top', 'a', 'kept'), 'utf8')).toBe('x');
  expectUntouched();
});

test('hard links lead to entries of this restore alone', async () => {
  const outsideInode = String(fs.statSync(join(scratch.text, 'outside', 'kept')).ino);
  const linked = { h: 2, i: outsideInode };
  const snapshot = await craft.finish(
    craft.directory('top', craft.file('a', 'x', linked), craft.file('b', 'y', linked)),
  );
  await into(snapshot);
  expect(fs.readFileSync(join(target, 'top', 'b'), 'utf8')).toBe('x');
  expect(fs.statSync(join(target, 'top', 'a')).nlink).toBe(2);
  expectUntouched();
});

test('devices are left out unless asked for; all else is restored', async () => {
  const device = craft.entry('device', 'c', { R: [1, 3] });
  const snapshot = await craft.finish(craft.directory('top', device, craft.file('file', 'x')));
  const { summary, warnings } = await into(snapshot);
  expect(summary).toMatchObject({ refused: 1, filesRestored: 1, errors: 0 });
  expect(warnings).toHaveLength(1);
  expect(fs.readdirSync(join(target, 'top'))).toEqual(['file']);
  expect(() => throwIfRefused(summary)).toThrow(expect.objectContaining({ code: 'integrity' }));
});

describe('decompression bombs', () => {
  const key = contentKey(new Uint8Array(32).fill(1));
  const bomb = (): Uint8Array => craft.repository.engine.compress(new Uint8Array(4 << 20), 3);
  const bombs: readonly (readonly [string, () => readonly [Uint8Array, 0 | 1, number]])[] = [
    ['a frame of more than it says', () => [bomb(), CODECS.zstd, 10]],
    ['a frame of less than it says', () => [bomb(), CODECS.zstd, 16 << 20]],
    ['a frame that is none', () => [utf8('no frame at all'), CODECS.zstd, 10]],
    ['raw bytes, fewer than said', () => [utf8('few'), CODECS.raw, 1000]],
  ];

  test.each(bombs)('as content of a file: %s', async (_what, payload) => {
    craft.seal('data', key, ...payload());
    const file = craft.entry('a', 'f', { s: 10, c: { l: [[toBase64(key), 10]] } });
    const snapshot = await craft.finish(craft.directory('top', file));
    for (const workers of [0, 1])
      await expect(into(snapshot, { workers })).rejects.toMatchObject({ code: 'integrity' });
    expect(fs.readdirSync(join(target, 'top'))).toEqual([]);
    expectUntouched();
  });

  test.each(bombs)('as a directory: %s', async (_what, payload) => {
    craft.seal('tree', key, ...payload());
    const snapshot = await craft.finish(craft.entry('top', 'd', { m: 0o755, k: toBase64(key) }));
    await expect(into(snapshot)).rejects.toMatchObject({ code: 'integrity' });
    expectUntouched();
  });

  test('a blob under the key of another is left out, and the rest restored', async () => {
    craft.seal('data', key, utf8('other'), CODECS.raw, 5);
    const file = craft.entry('a', 'f', { s: 5, c: { l: [[toBase64(key), 5]] } });
    const snapshot = await craft.finish(craft.directory('top', file, craft.file('b', 'right')));
    const { summary, warnings } = await into(snapshot);
    expect(summary).toMatchObject({ errors: 1, filesRestored: 1 });
    expect(warnings[0]).toContain('left out');
    expect(fs.readdirSync(join(target, 'top'))).toEqual(['b']);
  });
});

test('a setuid file of another owner loses the bit when owners are not restored', async () => {
  const file = craft.file('a', 'x', { m: 0o4755, u: 12_345, g: 12_345 });
  const snapshot = await craft.finish(craft.directory('top', file));
  await into(snapshot, { ownership: false });
  expect(fs.statSync(join(target, 'top', 'a')).mode & 0o7777).toBe(0o755);
});

test('the scratch folder is checked by something that works', () => {
  execFileSync('touch', [join(scratch.text, 'new')]);
  expect(outside()).not.toEqual(UNTOUCHED);
});
