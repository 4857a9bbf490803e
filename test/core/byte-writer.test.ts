/** A writer grows in the middle of any value, and reads back the same. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { ByteReader, ByteWriter, toHex } from '../../src/core/bytes.ts';

type Item = readonly ['u8' | 'u16' | 'u32' | 'u64', number] | readonly ['bytes', Uint8Array];

const item: fc.Arbitrary<Item> = fc.oneof(
  fc.tuple(fc.constant('u8' as const), fc.integer({ min: 0, max: 0xff })),
  fc.tuple(fc.constant('u16' as const), fc.integer({ min: 0, max: 0xffff })),
  fc.tuple(fc.constant('u32' as const), fc.integer({ min: 0, max: 0xffff_ffff })),
  fc.tuple(fc.constant('u64' as const), fc.maxSafeNat()),
  fc.tuple(fc.constant('bytes' as const), fc.uint8Array({ maxLength: 40 })),
);

test('whatever is written is read back, at any first capacity', () => {
  fc.assert(
    fc.property(fc.array(item, { maxLength: 60 }), fc.integer({ min: 0, max: 20 }), (items, capacity) => {
      const writer = new ByteWriter(capacity);
      for (const [kind, value] of items) {
        if (kind === 'bytes') writer.bytes(value);
        else writer[kind](value);
      }
      const reader = new ByteReader(writer.finish());
      for (const [kind, value] of items) {
        if (kind === 'bytes') expect(toHex(reader.bytes(value.length))).toBe(toHex(value));
        else expect(reader[kind]()).toBe(value);
      }
      reader.end();
    }),
    { numRuns: 300 },
  );
});
