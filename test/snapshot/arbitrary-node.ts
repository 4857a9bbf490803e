/** Every node that the format can hold. */
import fc from 'fast-check';
import { toHex } from '../../src/core/bytes.ts';
import { contentKey } from '../../src/core/ids.ts';
import type { Chunk, Content, Extent, Node, NodeType } from '../../src/snapshot/node.ts';

const bytes = (minLength: number, maxLength: number): fc.Arbitrary<Uint8Array> =>
  fc.uint8Array({ minLength, maxLength });
export const anyKey = bytes(32, 32).map((key) => contentKey(key));
export const anyName = fc
  .oneof(
    bytes(1, 40),
    fc.string({ minLength: 1, unit: 'binary' }).map((text) => new Uint8Array(Buffer.from(text))),
  )
  .filter(
    (name) => name.length > 0 && !name.includes(0) && !name.includes(0x2f) && !['2e', '2e2e'].includes(toHex(name)),
  );
const byteString = fc.oneof(
  bytes(0, 30),
  fc.string({ unit: 'binary' }).map((text) => new Uint8Array(Buffer.from(text))),
);
const nanoseconds = fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n });
const count = fc.maxSafeNat();
export const anyChunk: fc.Arbitrary<Chunk> = fc.record({ key: anyKey, length: fc.integer({ min: 1, max: 8 << 20 }) });
const slice: fc.Arbitrary<Content> = fc.record({
  type: fc.constant('slice' as const),
  bundle: anyKey,
  offset: fc.integer({ min: 0, max: 1 << 24 }),
  bundleLength: fc.integer({ min: 0, max: 1 << 24 }),
});
const chunks: fc.Arbitrary<Content> = fc.record({
  type: fc.constant('chunks' as const),
  chunks: fc.array(anyChunk, { minLength: 1, maxLength: 8 }),
});
const list: fc.Arbitrary<Content> = fc.record({ type: fc.constant('list' as const), key: anyKey });
const extents: fc.Arbitrary<readonly Extent[]> = fc
  .array(fc.tuple(fc.nat(1e9), fc.nat(1e9)), { maxLength: 6 })
  .map((pairs) => {
    let at = 0;
    return pairs.map(([gap, length]) => {
      const offset = at + gap;
      at = offset + length;
      return { offset, length };
    });
  });
const types: readonly NodeType[] = ['file', 'directory', 'symlink', 'fifo', 'socket', 'chardev', 'blockdev'];

export const anyNode: fc.Arbitrary<Node> = fc
  .record(
    {
      name: anyName,
      type: fc.constantFrom(...types),
      mode: fc.integer({ min: 0, max: 0o7777 }),
      uid: count,
      gid: count,
      mtime: nanoseconds,
      ctime: nanoseconds,
      inode: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
      device: fc.nat(100),
      links: fc.integer({ min: 1, max: 1000 }),
      size: count,
      user: fc.string(),
      group: fc.string(),
      atime: nanoseconds,
      birthtime: nanoseconds,
      target: byteString,
      rdev: fc.record({ major: fc.nat(), minor: fc.nat() }),
      xattrs: fc.array(fc.record({ name: anyName, value: bytes(0, 40) }), { maxLength: 4 }),
      xattrContent: fc.oneof(chunks, list),
      extents,
      extentContent: fc.oneof(chunks, list),
      flags: fc.nat(0xffff_ffff),
      content: fc.oneof(slice, chunks, list),
      contentHash: anyKey,
      tree: anyKey,
    },
    { requiredKeys: ['name', 'type', 'mode', 'uid', 'gid', 'mtime', 'ctime', 'inode', 'device', 'links', 'size'] },
  )
  .map((node) => (node.type === 'file' ? node : { ...node, size: 0 }) as Node);
