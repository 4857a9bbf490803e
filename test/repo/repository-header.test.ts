/** The first 24 bytes of every object. */
import { describe, expect, it } from 'vitest';
import { ByteReader, toHex } from '../../src/core/bytes.ts';
import { isNeoError } from '../../src/core/errors.ts';
import { repositoryId } from '../../src/core/ids.ts';
import { encodeHeader, HEADER_LENGTH, KINDS, type ObjectKind, readHeader } from '../../src/repo/header.ts';

const repository = repositoryId('00112233445566778899aabbccddeeff');
const kinds = Object.keys(KINDS) as ObjectKind[];

function outcome(bytes: Uint8Array, kind: ObjectKind, expected = repository): string {
  try {
    return readHeader(new ByteReader(bytes), kind, expected);
  } catch (error) {
    return isNeoError(error) ? error.code : `not a NeoError: ${String(error)}`;
  }
}

describe.each(kinds)('the header of a %s', (kind) => {
  const header = encodeHeader(kind, repository);

  it('is 24 bytes and read back', () => {
    const suite = kind === 'config' ? '00' : '03';
    const number = KINDS[kind].toString(16).padStart(2, '0');
    expect(toHex(header)).toBe(`6e656f000100${number}${suite}${repository}`);
    expect(outcome(header, kind)).toBe(repository);
  });

  it('is refused when cut short', () => {
    for (let length = 0; length < HEADER_LENGTH; length++)
      expect(outcome(header.subarray(0, length), kind)).toBe('integrity');
  });

  it('is refused with any bit flipped, unless it says a later version', () => {
    for (let bit = 0; bit < HEADER_LENGTH * 8; bit++) {
      const flipped = header.slice();
      flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      const version = (flipped[4] ?? 0) + 256 * (flipped[5] ?? 0);
      expect(outcome(flipped, kind), `bit ${bit}`).toBe(version > 1 ? 'needs-newer-neo' : 'integrity');
    }
  });

  it('is not that of another kind', () => {
    for (const other of kinds) if (other !== kind) expect(outcome(header, other)).toBe('integrity');
  });
});

it('the repository is compared only when one is expected', () => {
  const header = encodeHeader('pack', repository);
  expect(outcome(header, 'pack', repositoryId('00'.repeat(16)))).toBe('integrity');
  expect(readHeader(new ByteReader(header), 'pack')).toBe(repository);
});
