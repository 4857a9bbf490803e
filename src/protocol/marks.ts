/**
 * What a prune has marked, for a server that removes nothing else: `tombs/<generation>-<name>.marks` stands beside the tomb, which the server
 * cannot read, and is written before it. Paths in ASCII, one a line, sorted.
 */
import { decodeUtf8, utf8 } from '../core/bytes.ts';
import { NeoError } from '../core/errors.ts';

const SUFFIX = '.marks';
/** Of one of these objects: as many packs and snapshots as go into a tomb. */
export const MOST_MARKS_BYTES: number = 16 << 20;

/** @param tomb its path */
export function marksPath(tomb: string): string {
  return `${tomb}${SUFFIX}`;
}

export function isMarksPath(path: string): boolean {
  return path.startsWith('tombs/') && path.endsWith(SUFFIX);
}

export function encodeMarks(paths: readonly string[]): Uint8Array {
  return utf8(paths.toSorted().join('\n'));
}

/** @throws NeoError integrity */
export function decodeMarks(bytes: Uint8Array): string[] {
  const text = decodeUtf8(bytes);
  if (text === undefined || !/^[a-z0-9./\n_-]*$/.test(text)) {
    throw new NeoError('integrity', 'not a list of what a prune has marked');
  }
  return text === '' ? [] : text.split('\n');
}
