/** What a later version may add to segments and packs is not damage, and stops nobody. */
import { describe, expect, it } from 'vitest';
import { ByteReader, toHex } from '../../src/core/bytes.ts';
import { blobId, objectName, sessionId } from '../../src/core/ids.ts';
import { encodeSegment, type IndexSegment } from '../../src/repo/index/segment.ts';
import { carryOutIndexRepair, planIndexRepair } from '../../src/repo/index-repair.ts';
import { loadIndex } from '../../src/repo/indexed.ts';
import { readEntry } from '../../src/repo/pack/entry.ts';
import { encodeSealedSigned } from '../../src/repo/signed-object.ts';
import { testEngine as engine, tempRepository } from '../support/temp-repository.ts';

const ENTRY_KIND = 32;

async function withSegment(change: (body: Uint8Array) => void) {
  const made = await tempRepository();
  const repository = await made.open();
  const segment: IndexSegment = {
    final: true,
    session: sessionId('0f'.repeat(16)),
    covered: [],
    replaced: [],
    packs: [
      {
        name: objectName('ab'.repeat(32)),
        size: 1000,
        author: repository.client,
        authorRole: 'full',
        entries: [
          {
            id: blobId(new Uint8Array(32).fill(1)),
            kind: 'data',
            contentEpoch: 0,
            offset: 24,
            length: 100,
            hash: new Uint8Array(32),
          },
        ],
      },
    ],
  };
  const body = encodeSegment(segment);
  change(body);
  const bytes = encodeSealedSigned(repository, 'index', repository.keys.index, repository.signer, body);
  const path = `index/${toHex(engine.blake3(bytes))}`;
  await made.backend.put(path, bytes);
  return { made, repository, path };
}

describe.each([
  ['a kind of blob', (body: Uint8Array) => body.set([9], body.length - 75 + ENTRY_KIND)],
  ['a flag', (body: Uint8Array) => body.set([4], 0)],
])('a segment with %s that is not known', (_, change) => {
  it('is passed by as newer, and repairs leave it', async () => {
    const { made, repository, path } = await withSegment(change);
    const { faults } = await loadIndex(repository);
    expect(faults).toMatchObject([{ path, damaged: false, newer: true }]);
    const plan = await planIndexRepair(repository, () => undefined);
    expect(plan.obsolete).toEqual([]);
    await carryOutIndexRepair(repository, plan);
    expect(await made.backend.get(path)).toBeDefined();
  });
});

it('needs a newer neo for an entry of an unknown kind', () => {
  const entry = new Uint8Array(75);
  entry[ENTRY_KIND] = 4;
  expect(() => readEntry(new ByteReader(entry))).toThrow(expect.objectContaining({ code: 'needs-newer-neo' }));
});
