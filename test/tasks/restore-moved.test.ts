/** Restores over an older copy of which parts have moved: what lies anywhere in it is not fetched. */
import fs from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { IndexedRepository } from '../../src/repo/indexed.ts';
import type { SnapshotBody } from '../../src/snapshot/snapshot.ts';
import { restore } from '../../src/tasks/restore.ts';
import { Scratch } from '../fs/scratch.ts';
import { makeRepository, noise, snapshotOf } from './restore-support.ts';

const MIB = 1 << 20;
const content = noise(1, 8 * MIB);

let scratch: Scratch;
let source: string;
let target: string;
let repository: IndexedRepository;
let snapshot: SnapshotBody;

beforeEach(async () => {
  scratch = Scratch.inMemory();
  source = join(scratch.text, 'source');
  target = join(scratch.text, 'target');
  fs.mkdirSync(source);
  fs.writeFileSync(join(source, 'file'), content);
  ({ repository, snapshot } = await snapshotOf(await makeRepository(), source));
});
afterEach(() => scratch[Symbol.dispose]());

/** @returns bytes fetched for a restore over these */
async function over(old: Uint8Array, workers = 0): Promise<number> {
  fs.rmSync(target, { recursive: true, force: true });
  fs.mkdirSync(target);
  fs.writeFileSync(join(target, 'file'), old);
  const destination = { type: 'directory' as const, path: target };
  const { bytesRead } = await restore(repository, { snapshot, path: Buffer.from(source), destination, workers });
  expect(Buffer.compare(fs.readFileSync(join(target, 'file')), content)).toBe(0);
  return bytesRead;
}

const without = (from: number, to: number): Buffer => Buffer.concat([content.subarray(0, from), content.subarray(to)]);
const withMore = (at: number, more: Uint8Array): Buffer =>
  Buffer.concat([content.subarray(0, at), more, content.subarray(at)]);

describe('a restore over what was moved', () => {
  it.each([
    ['a byte inserted at the beginning', () => withMore(0, Buffer.from('x')), MIB],
    ['a byte inserted in the middle', () => withMore(4 * MIB, Buffer.from('x')), MIB],
    ['a byte taken out', () => without(1000, 1001), MIB],
    ['a megabyte inserted', () => withMore(3 * MIB, noise(2, MIB)), MIB],
    ['a megabyte taken out', () => without(2 * MIB, 3 * MIB), 2 * MIB],
    ['halves exchanged', () => Buffer.concat([content.subarray(4 * MIB), content.subarray(0, 4 * MIB)]), 2 * MIB],
  ])('fetches only what is nowhere in it: %s', async (_, old, most) => {
    const fetched = await over(old());
    expect(fetched).toBeGreaterThan(0);
    expect(fetched).toBeLessThan(most);
    expect(await over(old(), 2)).toBe(fetched);
  });

  it('fetches everything where nothing is of use', async () => {
    expect(await over(noise(9, 8 * MIB))).toBeGreaterThan(7 * MIB);
    expect(await over(new Uint8Array())).toBeGreaterThan(7 * MIB);
  });

  it('gives the right bytes whatever lies there', async () => {
    const piece = fc.record({ from: fc.nat(8 * MIB), length: fc.nat(3 * MIB), salt: fc.nat(3) });
    await fc.assert(
      fc.asyncProperty(fc.array(piece, { minLength: 1, maxLength: 6 }), async (pieces) => {
        // Pieces of the right file in any order, some of them with a wrong byte.
        const parts = pieces.map(({ from, length, salt }) => {
          const part = Buffer.from(content.subarray(from, from + length));
          if (salt === 0 && part.length > 0) part[part.length >> 1] = (part[part.length >> 1] ?? 0) ^ 1;
          return part;
        });
        await over(Buffer.concat(parts));
      }),
      { numRuns: 20 },
    );
  });
});
