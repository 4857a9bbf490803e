/** Long sparse maps as bytes: pairs of u64 (docs/format.md, section 6). */
import { ByteReader, ByteWriter } from '../core/bytes.ts';
import type { Extent } from './node.ts';
import { checkExtents } from './node-json.ts';

export function encodeExtents(extents: readonly Extent[]): Uint8Array {
  const writer = new ByteWriter(extents.length * 16);
  for (const { offset, length } of extents) writer.u64(offset).u64(length);
  return writer.finish();
}

/** @throws NeoError integrity */
export function decodeExtents(bytes: Uint8Array): Extent[] {
  const reader = new ByteReader(bytes);
  const extents: Extent[] = [];
  while (reader.remaining > 0) extents.push({ offset: reader.u64(), length: reader.u64() });
  return checkExtents(extents);
}
