import {
  closeSync,
  constants,
  fdatasyncSync,
  ftruncateSync,
  openSync,
  readSync,
  truncateSync,
  writeSync,
} from 'node:fs';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { dataExtents, maySparse } from '../../src/fs/sparse.ts';
import { fstatOf } from '../../src/fs/stat.ts';
import { isLinux, Scratch } from './scratch.ts';

/** Opens a new file for writing and reading. */
function create(path: Buffer): number {
  return openSync(path, constants.O_CREAT | constants.O_RDWR | constants.O_TRUNC);
}

test('a file without holes is one extent, an empty one none', () => {
  using scratch = new Scratch();
  const fd = create(scratch.at('f'));
  expect(dataExtents(fd, fstatOf(fd))).toEqual([]);
  writeSync(fd, Buffer.alloc(100_000, 1));
  fdatasyncSync(fd);
  const stat = fstatOf(fd);
  expect(maySparse(stat)).toBe(false);
  expect(dataExtents(fd, stat)).toEqual([{ offset: 0, length: 100_000 }]);
  closeSync(fd);
});

test.runIf(isLinux)('100 GiB of nothing has no extents; one byte in it has one', () => {
  using scratch = new Scratch();
  const size = 100 * 2 ** 30;
  const fd = create(scratch.at('f'));
  ftruncateSync(fd, size);
  expect(dataExtents(fd, fstatOf(fd))).toEqual([]);
  writeSync(fd, 'x', 2 ** 36 + 5);
  const [only, ...more] = dataExtents(fd, fstatOf(fd)) ?? [];
  expect(more).toEqual([]);
  expect(only?.offset).toBeLessThanOrEqual(2 ** 36 + 5);
  expect((only?.offset ?? 0) + (only?.length ?? 0)).toBeGreaterThan(2 ** 36 + 5);
  expect(only?.length).toBeLessThanOrEqual(1 << 20);
  closeSync(fd);
});

test.runIf(isLinux)('what lies outside the extents is zero, and they are in order and apart', () => {
  const write = fc.record({ at: fc.nat(200), length: fc.integer({ min: 1, max: 9000 }) });
  fc.assert(
    fc.property(fc.array(write, { maxLength: 8 }), fc.constantFrom(0, 1, 4095, 50_000), (writes, tail) => {
      using scratch = Scratch.inMemory();
      const fd = create(scratch.at('f'));
      for (const { at, length } of writes) writeSync(fd, Buffer.alloc(length, 7), 0, length, at * 10_000);
      ftruncateSync(fd, fstatOf(fd).size + tail);
      const stat = fstatOf(fd);
      const content = Buffer.alloc(stat.size);
      readSync(fd, content, 0, stat.size, 0);
      let end = -1;
      for (const { offset, length } of dataExtents(fd, stat) ?? []) {
        expect(offset).toBeGreaterThan(end);
        expect(length).toBeGreaterThan(0);
        end = offset + length;
        expect(end).toBeLessThanOrEqual(stat.size);
        content.fill(0, offset, end);
      }
      expect(content.every((byte) => byte === 0)).toBe(true);
      closeSync(fd);
    }),
    { numRuns: 30 },
  );
});

test.runIf(isLinux)('a file that shrinks after its stat gives extents within the size', () => {
  using scratch = new Scratch();
  const fd = create(scratch.at('f'));
  writeSync(fd, Buffer.alloc(8192, 1), 0, 8192, 0);
  writeSync(fd, Buffer.alloc(8192, 1), 0, 8192, 1 << 20);
  ftruncateSync(fd, 4 << 20);
  const stat = fstatOf(fd);
  for (const size of [1 << 20, 4096, 0]) {
    truncateSync(scratch.at('f'), size);
    for (const { offset, length } of dataExtents(fd, stat) ?? []) {
      expect(offset + length).toBeLessThanOrEqual(stat.size);
      expect(offset).toBeLessThanOrEqual(size);
    }
  }
  closeSync(fd);
});

test.runIf(isLinux)('a file that grows after its stat gives nothing beyond the size', () => {
  using scratch = new Scratch();
  const fd = create(scratch.at('f'));
  ftruncateSync(fd, 1 << 20);
  writeSync(fd, Buffer.alloc(4096, 1), 0, 4096, (1 << 20) - 4096);
  const stat = fstatOf(fd);
  writeSync(fd, Buffer.alloc(1 << 20, 1), 0, 1 << 20, 1 << 20);
  const extents = dataExtents(fd, stat) ?? [];
  expect(extents.at(-1)?.offset).toBeGreaterThan(0);
  for (const { offset, length } of extents) expect(offset + length).toBeLessThanOrEqual(stat.size);
  closeSync(fd);
});
