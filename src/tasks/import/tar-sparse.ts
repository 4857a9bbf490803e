/** Where the data of sparse files lies, as GNU tar writes it (its manual, "Storing Sparse Files"; formats 0.1, 1.0 and the old one). */
import { NeoError } from '../../core/errors.ts';
import type { Extent } from '../../snapshot/node.ts';
import type { ByteFeed } from './byte-feed.ts';
import { brokenOff } from './byte-feed.ts';
import { type PaxRecords, parsePaxNumber } from './pax-records.ts';
import { BLOCK, numberAt, safe, type TarHeader } from './tar-header.ts';

export interface SparseFile {
  /** Holes included. */
  readonly size: number;
  readonly extents: readonly Extent[];
  /** Bytes that the map itself takes before the data. */
  readonly mapBytes: number;
}

/** Undefined for what is not sparse. @throws NeoError failed for what is malformed, or of format 0.0 */
export async function sparseOf(
  { flag, block }: Pick<TarHeader, 'flag' | 'block'>,
  records: PaxRecords,
  feed: ByteFeed,
  stored: number,
): Promise<SparseFile | undefined> {
  const { position } = feed;
  const number = (key: string): number => parsePaxNumber(records.get(key) ?? new Uint8Array(), position);
  if (flag === 'S') return checked(await oldMap(block, feed), stored, position);
  if (records.has('GNU.sparse.major')) {
    const isKnown = number('GNU.sparse.major') === 1 && number('GNU.sparse.minor') === 0;
    if (!isKnown) throw unknown(position);
    const { extents, mapBytes } = await leadingMap(feed);
    return checked({ size: number('GNU.sparse.realsize'), extents, mapBytes }, stored, position);
  }
  const map = records.get('GNU.sparse.map');
  if (map === undefined) {
    if (records.has('GNU.sparse.numblocks') || records.has('GNU.sparse.size')) throw unknown(position);
    return undefined;
  }
  const numbers = Buffer.from(map)
    .toString('latin1')
    .split(',')
    .map((text) => parsePaxNumber(Buffer.from(text), position));
  return checked({ size: number('GNU.sparse.size'), extents: pairs(numbers), mapBytes: 0 }, stored, position);
}

/** In the header, and in blocks behind it. */
async function oldMap(block: Uint8Array, feed: ByteFeed): Promise<SparseFile> {
  const { position } = feed;
  const numbers: number[] = [];
  const take = (from: Uint8Array, at: number, count: number): void => {
    for (let i = 0; i < count * 2; i++) numbers.push(safe(numberAt(from, at + i * 12, 12), position));
  };
  take(block, 386, 4);
  let goesOn = block[482] === 1;
  while (goesOn) {
    const more = await feed.exactly(BLOCK);
    if (more === undefined) throw brokenOff(feed.position);
    take(more, 0, 21);
    goesOn = more[504] === 1;
  }
  return { size: safe(numberAt(block, 483, 12), position), extents: pairs(numbers), mapBytes: 0 };
}

/** Decimal numbers, one a line, before the data: how many, then the pairs, up to a full block. */
async function leadingMap(feed: ByteFeed): Promise<Omit<SparseFile, 'size'>> {
  let [text, mapBytes] = ['', 0];
  const next = async (): Promise<number> => {
    for (;;) {
      const end = text.indexOf('\n');
      if (end >= 0) {
        const line = text.slice(0, end);
        text = text.slice(end + 1);
        return parsePaxNumber(Buffer.from(line), feed.position);
      }
      const block = await feed.exactly(BLOCK);
      if (block === undefined) throw brokenOff(feed.position);
      mapBytes += BLOCK;
      text += Buffer.from(block).toString('latin1');
    }
  };
  const count = await next();
  const numbers: number[] = [];
  for (let n = 0; n < 2 * count; n++) numbers.push(await next());
  return { extents: pairs(numbers), mapBytes };
}

function pairs(numbers: readonly number[]): Extent[] {
  const extents: Extent[] = [];
  for (let at = 0; at + 1 < numbers.length; at += 2) {
    extents.push({ offset: numbers[at] ?? 0, length: numbers[at + 1] ?? 0 });
  }
  return extents.filter(({ length }) => length > 0);
}

/** In order, within the file, and as many bytes as are stored. */
function checked(file: SparseFile, stored: number, position: number): SparseFile {
  let end = 0;
  let data = 0;
  for (const { offset, length } of file.extents) {
    if (offset < end || offset + length > file.size) throw unknown(position);
    end = offset + length;
    data += length;
  }
  if (data !== stored - file.mapBytes) throw unknown(position);
  return file;
}

function unknown(position: number): NeoError {
  return new NeoError('failed', `a sparse file at byte ${position} of the archive is written in no way that is known`, {
    hint: 'nothing was imported; make the archive without --sparse',
  });
}
