/** Which bytes of a file are read, and what it makes of a file that turned out shorter. */
import type { SourceFile } from '../../fs/source-file.ts';
import { dataExtents, maySparse } from '../../fs/sparse.ts';
import type { Extent } from '../../snapshot/node.ts';

/** What is to be read: the data of a file, as it was when it was opened. */
export function extentsOf(file: SourceFile): readonly Extent[] {
  const { size } = file.stat;
  if (size === 0) return [];
  if (!maySparse(file.stat)) return [{ offset: 0, length: size }];
  return dataExtents(file.fd, file.stat) ?? [{ offset: 0, length: size }];
}

/** If the file shrank while it was read, it ends where reading ended: a size always belongs to the bytes saved. */
export function whatWasRead(
  size: number,
  planned: readonly Extent[],
  length: number,
): { readonly size: number; readonly extents: readonly Extent[]; readonly cut: boolean } {
  const extents: Extent[] = [];
  let left = length;
  for (const { offset, length: wanted } of planned) {
    const got = Math.min(wanted, left);
    if (got > 0) extents.push({ offset, length: got });
    left -= got;
    if (got < wanted) return { size: offset + got, extents, cut: true };
  }
  return { size, extents: planned, cut: false };
}
