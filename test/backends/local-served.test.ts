/** What a server needs of a disk beyond the contract: objects that come in pieces, and lists in order. */
import fs from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { openLocal } from '../../src/backends/local.ts';
import { publishByCheckedRename, publishByLink, publishByNativeRename } from '../../src/backends/local-publish.ts';
import { NeoError } from '../../src/core/errors.ts';
import { bytesOf, listed } from '../support/backend-suite.ts';
import { tempFolder } from '../support/temp-repository.ts';

async function fresh() {
  const root = await tempFolder();
  return { root, backend: await openLocal(root, { create: true }), left: () => fs.readdirSync(join(root, 'tmp')) };
}

async function* pieces(...texts: string[]) {
  for (const text of texts) yield bytesOf(text);
}

describe('an object that comes in pieces', () => {
  it('is the same object', async () => {
    const { backend, left } = await fresh();
    expect(await backend.putPieces('packs/00/a', pieces('one ', 'two ', '', 'three'))).toBe(true);
    expect(await backend.get('packs/00/a')).toEqual(bytesOf('one two three'));
    await backend.putPieces('packs/00/empty', pieces());
    expect(await backend.get('packs/00/empty')).toEqual(bytesOf(''));
    expect(left()).toEqual([]);
  });

  it('is not there at all when the last word is no', async () => {
    const { backend, left } = await fresh();
    const refused = async function* () {
      yield* pieces('all ', 'of it');
      throw new NeoError('integrity', 'not what its name says');
    };
    await expect(backend.putPieces('a', refused())).rejects.toMatchObject({ code: 'integrity' });
    expect([await listed(backend), left()]).toEqual([[], []]);
  });

  it('meets one of that name: equal bytes are success, others a conflict', async () => {
    const { backend, left } = await fresh();
    await backend.put('a', bytesOf('there'));
    expect(await backend.putPieces('a', pieces('the', 're'))).toBe(false);
    for (const other of ['thera', 'ther', 'there!']) {
      await expect(backend.putPieces('a', pieces(other))).rejects.toMatchObject({ code: 'integrity' });
    }
    expect([await backend.get('a'), left()]).toEqual([bytesOf('there'), []]);
  });

  it('holds nobody up who sends the same faster', async () => {
    const { backend } = await fresh();
    let letGo = (): void => undefined;
    const waits = new Promise<void>((resolve) => {
      letGo = resolve;
    });
    const slow = async function* () {
      yield bytesOf('sa');
      await waits;
      yield bytesOf('me');
    };
    const first = backend.putPieces('a', slow());
    expect(await backend.putPieces('a', pieces('same'))).toBe(true);
    expect(await backend.get('a')).toEqual(bytesOf('same'));
    letGo();
    expect(await first).toBe(false);
  });

  it.each([publishByLink, publishByNativeRename, publishByCheckedRename])(
    'is made by one of 16 that bring it at once, and the others are told so: $name',
    async (way) => {
      const backend = await openLocal(await tempFolder(), { create: true, publishWays: [way, publishByCheckedRename] });
      const made = () =>
        Promise.all(Array.from({ length: 16 }, () => backend.putPieces('packs/00/a', pieces('s', 'ame'))));
      expect((await made()).filter(Boolean)).toHaveLength(1);
      expect((await made()).filter(Boolean)).toHaveLength(0);
      await backend.remove('packs/00/a');
      expect((await made()).filter(Boolean)).toHaveLength(1);
    },
  );
});

it('reads several ranges of an object as it reads each', async () => {
  const { backend } = await fresh();
  await backend.put('a', bytesOf('0123456789'));
  const range = fc.record({ offset: fc.nat(12), length: fc.nat(12) });
  await fc.assert(
    fc.asyncProperty(fc.array(range, { maxLength: 8 }), async (ranges) => {
      const each = ranges.map((one) => backend.getRange('a', one).catch(() => undefined));
      expect(await backend.getRanges('a', ranges)).toEqual(await Promise.all(each));
    }),
  );
  expect(await backend.getRanges('none', [{ offset: 0, length: 1 }])).toBeUndefined();
});

it('lists in order what comes after a path, as it lists everything', async () => {
  const part = fc.constantFrom('a', 'b', 'a-b', 'a.b', 'ab', '0', 'a0', 'packs');
  const path = fc.array(part, { minLength: 1, maxLength: 3 }).map((parts) => parts.join('/'));
  await fc.assert(
    fc.asyncProperty(fc.uniqueArray(path, { maxLength: 12 }), path, async (paths, after) => {
      const { backend } = await fresh();
      // One name cannot be a file and a folder.
      const stored = paths.filter((one) => !paths.some((other) => other.startsWith(`${one}/`)));
      for (const each of stored) await backend.put(each, bytesOf(each));
      const found: string[] = [];
      for await (const info of backend.listAfter('', after)) found.push(info.path);
      expect(found).toEqual(stored.filter((each) => each > after).sort());
      const within: string[] = [];
      for await (const info of backend.listAfter('a', '')) within.push(info.path);
      expect(within).toEqual(stored.filter((each) => each.startsWith('a/')).sort());
    }),
    { numRuns: 30 },
  );
});
