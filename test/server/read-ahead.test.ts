/** What goes out piece by piece is what lies there, whatever lengths there are; each piece lasts until the next is asked for. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import type { OpenObject } from '../../src/backends/backend.ts';
import { openLocal } from '../../src/backends/local.ts';
import { concatBytes, copyOf } from '../../src/core/bytes.ts';
import { countedBody, pieceSize } from '../../src/server/piece-size.ts';
import { readAhead } from '../../src/server/read-ahead.ts';
import { pattern } from '../support/bytes-pattern.ts';
import { tempFolder } from '../support/temp-repository.ts';

const SIZE = 1_000_000;
const content = pattern(SIZE, 7);

async function openedObject(): Promise<OpenObject> {
  const folder = await tempFolder();
  writeFileSync(join(folder, 'object'), content);
  const object = await (await openLocal(folder)).openObject('object');
  if (object === undefined) throw new Error('there is none');
  return object;
}

it('any range, whole', async () => {
  const object = await openedObject();
  const edges = fc.constantFrom(1, pieceSize() - 1, pieceSize(), pieceSize() + 1, 2 * pieceSize(), SIZE);
  const range = fc.tuple(
    fc.oneof(
      fc.nat(SIZE - 1),
      edges.map((n) => n - 1),
    ),
    fc.oneof(fc.integer({ min: 1, max: SIZE }), edges),
  );
  await fc.assert(
    fc.asyncProperty(range, async ([offset, most]) => {
      const length = Math.min(most, SIZE - offset);
      const got: Uint8Array[] = [];
      for await (const piece of readAhead(object, { offset, length })) got.push(copyOf(piece));
      expect(Buffer.compare(concatBytes(...got), content.subarray(offset, offset + length))).toBe(0);
    }),
    { numRuns: 60 },
  );
  await object.close();
});

it('while others come and go, in pieces that become smaller and larger', async () => {
  const object = await openedObject();
  const others = Array.from({ length: 200 }, () => countedBody(endless()));
  const steps: Record<number, () => Promise<unknown>> = {
    1: () => Promise.all(others.map((other) => other.next())),
    12: () => Promise.all(others.map((other) => other.return(undefined))),
  };
  const got: Uint8Array[] = [];
  const sizes = new Set<number>();
  for await (const piece of readAhead(object, { offset: 0, length: SIZE })) {
    got.push(copyOf(piece));
    sizes.add(piece.length);
    await steps[got.length]?.();
  }
  expect(Buffer.compare(concatBytes(...got), content)).toBe(0);
  expect(sizes.size).toBeGreaterThanOrEqual(2);
  await object.close();
});

it('an object that has become shorter is an error, not less', async () => {
  const object = await openedObject();
  const read = async (): Promise<void> => {
    for await (const _ of readAhead({ ...object, size: 2 * SIZE }, { offset: 10, length: SIZE }));
  };
  await expect(read()).rejects.toMatchObject({ code: 'integrity' });
  await object.close();
});

it('whoever stops has nothing left that is being read', async () => {
  const object = await openedObject();
  let reading = 0;
  const watched: OpenObject = {
    ...object,
    async readInto(offset, target) {
      reading += 1;
      await object.readInto(offset, target);
      reading -= 1;
    },
  };
  for await (const _ of readAhead(watched, { offset: 0, length: SIZE })) break;
  expect(reading).toBe(0);
  await object.close();
});

async function* endless(): AsyncGenerator<Uint8Array> {
  for (;;) yield new Uint8Array(1);
}
