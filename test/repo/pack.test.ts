/** Packs: their lengths, their directories, and who may have made them. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ByteWriter, concatBytes, toHex } from '../../src/core/bytes.ts';
import { isNeoError } from '../../src/core/errors.ts';
import { blobId, objectName, repositoryId, sessionId } from '../../src/core/ids.ts';
import { systemRandom } from '../../src/core/random.ts';
import { openObject, sealObject } from '../../src/engine/aead.ts';
import { deriveKey } from '../../src/engine/keys.ts';
import type { BlobEntry, FinishedPack } from '../../src/repo/blob-entry.ts';
import { encodeHeader, HEADER_LENGTH } from '../../src/repo/header.ts';
import { writeEntry } from '../../src/repo/pack/entry.ts';
import { FOOTER_LENGTH, finishPack, type PackContext, readFooter, readPack } from '../../src/repo/pack/pack.ts';
import { paddedLength } from '../../src/repo/pack/padding.ts';
import { signObject } from '../../src/repo/signed-object.ts';
import { addClient, testEngine as engine, tempRepository } from '../support/temp-repository.ts';

const made = await tempRepository();
const repository = await made.open();
const writer = await made.open(engine, await addClient(repository, 'write', 3));
const context: PackContext = {
  ...repository,
  indexKey: repository.keys.index,
  session: sessionId('0f'.repeat(16)),
};

function packOf(blobs: readonly Uint8Array[], maker: PackContext = context, capacity = 0): FinishedPack {
  const header = encodeHeader('pack', maker.repository);
  const bytes = concatBytes(header, ...blobs);
  let offset = HEADER_LENGTH;
  const entries = blobs.map((blob): BlobEntry => {
    const entry = {
      id: blobId(engine.blake3(blob)),
      kind: 'data' as const,
      contentEpoch: 0,
      offset,
      length: blob.length,
    };
    offset += blob.length;
    return { ...entry, hash: engine.blake3(blob) };
  });
  const buffer = new Uint8Array(Math.max(capacity, bytes.length));
  buffer.set(bytes);
  return finishPack(maker, buffer, bytes.length, entries);
}

function outcome(bytes: Uint8Array, name = toHex(engine.blake3(bytes)), reader: PackContext = context): string {
  try {
    readPack(reader, objectName(name), bytes);
    return 'read';
  } catch (error) {
    return isNeoError(error) ? error.code : `not a NeoError: ${String(error)}`;
  }
}

interface Apart {
  readonly before: Uint8Array;
  readonly body: Uint8Array;
}

/** A pack's bytes before its directory, and the directory, opened. */
function takeApart({ bytes }: FinishedPack): Apart {
  const length = readFooter(bytes.subarray(bytes.length - FOOTER_LENGTH), bytes.length);
  const at = bytes.length - FOOTER_LENGTH - length;
  const key = deriveKey(engine, context.indexKey, 'seal.pack');
  const body = openObject(engine, key, bytes.subarray(at, at + length), encodeHeader('pack', repository.id));
  return { before: bytes.subarray(0, at), body };
}

function assemble({ before, body }: Apart, version = 1): Uint8Array {
  const key = deriveKey(engine, context.indexKey, 'seal.pack');
  const sealed = sealObject(engine, key, body, encodeHeader('pack', repository.id), systemRandom);
  const footer = new ByteWriter().u32(sealed.length).u16(version).bytes(Buffer.from('neo\0')).finish();
  return concatBytes(before, sealed, footer);
}

/** As {@link finishPack} writes it, of any entries, signed by `signer`. */
function bodyOf(before: Uint8Array, entries: readonly BlobEntry[], signer = repository.signer): Uint8Array {
  const unsigned = new ByteWriter().bytes(Buffer.from('0f'.repeat(16), 'hex')).u32(entries.length);
  for (const entry of entries) writeEntry(unsigned, entry);
  const signed = signObject(context, 'pack', signer, unsigned.bytes(engine.blake3(before)).finish());
  return concatBytes(signed, new Uint8Array((4096 - (signed.length % 4096)) % 4096));
}

describe('the length of a pack', () => {
  it('is a power of two from 64 KiB to 1 MiB', () => {
    const powers = [16, 17, 18, 19, 20].map((n) => 2 ** n);
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 1 << 20 }), (length) => {
        expect(paddedLength(length)).toBe(powers.find((power) => power >= length));
      }),
    );
  });

  it('is Padmé above: at most 12 % more, low bits zero', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1 << 20, max: 64 << 20 }), (length) => {
        const padded = paddedLength(length);
        const exponent = Math.floor(Math.log2(length));
        const unit = 2 ** (exponent - Math.floor(Math.log2(exponent)) - 1);
        expect(padded).toBeGreaterThanOrEqual(length);
        expect(padded - length).toBeLessThan(unit);
        expect(padded % unit).toBe(0);
        expect(padded).toBeLessThanOrEqual(length * 1.12);
        expect(padded).toBeLessThanOrEqual(64 << 20);
        expect(paddedLength(padded)).toBe(padded);
      }),
    );
  });

  it.each([
    [65_536, 65_536],
    [65_537, 131_072],
    [131_072, 131_072],
    [1 << 20, 1 << 20],
    [(1 << 20) + 1, (1 << 20) + 32_768],
    [64 << 20, 64 << 20],
  ])('%i bytes become %i', (length, padded) => expect(paddedLength(length)).toBe(padded));
});

describe('a pack', () => {
  it('is read back, whether padding and directory fit its buffer or not', () => {
    const blob = fc.uint8Array({ minLength: 1, maxLength: 3000 });
    fc.assert(
      fc.property(fc.array(blob, { maxLength: 20 }), fc.constantFrom(0, 65_536, 70_000, 200_000), (blobs, capacity) => {
        const pack = packOf(blobs, context, capacity);
        expect(paddedLength(pack.bytes.length)).toBe(pack.bytes.length);
        const directory = readPack(context, pack.name, pack.bytes);
        expect(directory.session).toBe(context.session);
        expect(directory.author.client).toBe(repository.client);
        expect(directory.entries.length).toBe(blobs.length);
        for (const [n, { offset, length, hash }] of directory.entries.entries()) {
          expect(toHex(pack.bytes.subarray(offset, offset + length))).toBe(toHex(blobs[n] ?? new Uint8Array()));
          expect(toHex(hash)).toBe(toHex(engine.blake3(blobs[n] ?? new Uint8Array())));
        }
      }),
      { numRuns: 40 },
    );
  });

  it('is refused with any byte changed, even if it is given its new name', () => {
    const { bytes, name } = packOf([new Uint8Array(500).fill(1)]);
    const tail = bytes.length - 5000;
    for (let at = 0; at < bytes.length; at += at < 600 || at > tail ? 31 : 4099) {
      const changed = bytes.slice();
      changed[at] = (changed[at] ?? 0) ^ 0x10;
      expect(outcome(changed, name)).toBe('integrity');
      expect(['integrity', 'needs-newer-neo'], `byte ${at}`).toContain(outcome(changed));
    }
  });

  it('is refused when cut short or with bytes behind it', () => {
    const { bytes } = packOf([new Uint8Array(500)]);
    for (const length of [0, 1, 9, 10, 23, 24, 33, 34, 100, 5000, bytes.length - 1]) {
      expect(outcome(bytes.subarray(0, length)), `${length} bytes`).toBe('integrity');
      expect(outcome(bytes.subarray(bytes.length - length)), `last ${length} bytes`).toBe('integrity');
    }
    expect(outcome(concatBytes(bytes, bytes))).toBe('integrity');
    expect(outcome(concatBytes(bytes, new Uint8Array(1)))).toBe('integrity');
  });

  it('does not hold the blobs of another one', () => {
    const [one, two] = [packOf([new Uint8Array(500).fill(1)]), packOf([new Uint8Array(500).fill(2)])];
    expect(outcome(assemble({ before: takeApart(one).before, body: takeApart(two).body }))).toBe('integrity');
    expect(outcome(assemble(takeApart(one)))).toBe('read');
  });

  it('of another repository, or another client’s name, is refused', async () => {
    const other = await (await tempRepository()).open();
    const foreign = packOf([], { ...other, indexKey: other.keys.index, session: context.session });
    expect(outcome(foreign.bytes)).toBe('integrity');
    expect(outcome(packOf([], { ...context, repository: repositoryId('00'.repeat(16)) }).bytes)).toBe('integrity');
    const stolen = { certificate: repository.signer.certificate, seed: writer.signer.seed };
    expect(outcome(packOf([], { ...context, signer: stolen }).bytes)).toBe('integrity');
    const unissued = { ...other.signer };
    expect(outcome(packOf([], { ...context, signer: unissued }).bytes)).toBe('integrity');
    expect(outcome(packOf([], { ...context, signer: writer.signer }).bytes)).toBe('read');
  });

  it('tells who made it by its directory, whoever listed it', () => {
    const pack = packOf([new Uint8Array(9)], { ...context, signer: writer.signer });
    const { author } = readPack(context, pack.name, pack.bytes);
    expect([author.client, author.role]).toEqual([writer.client, 'write']);
  });

  it('of a later version needs a newer neo', () => {
    const { bytes } = packOf([]);
    const header = bytes.slice();
    header[4] = 2;
    expect(outcome(header)).toBe('needs-newer-neo');
    expect(outcome(assemble(takeApart(packOf([])), 2))).toBe('needs-newer-neo');
    expect(outcome(assemble(takeApart(packOf([])), 0))).toBe('integrity');
  });
});

describe('a directory that its author crafted is refused', () => {
  const pack = packOf([new Uint8Array(500).fill(1), new Uint8Array(700).fill(2)]);
  const { before } = takeApart(pack);
  const [first, second] = pack.entries;
  if (first === undefined || second === undefined) throw new Error('no entries');
  const crafted: [string, readonly BlobEntry[]][] = [
    ['a gap', [first, { ...second, offset: second.offset + 1 }]],
    ['an overlap', [first, { ...second, offset: second.offset - 1 }]],
    ['another order', [second, first]],
    ['blobs in the header', [{ ...first, offset: 0 }, second]],
    ['blobs beyond the directory', [first, { ...second, length: before.length }]],
    ['blobs beyond every pack', [first, { ...second, length: 64 << 20 }]],
    ['lengths that overflow', [first, { ...second, length: 0xffff_ffff }]],
  ];
  it.each(crafted)('%s', (_, entries) => {
    expect(outcome(assemble({ before, body: bodyOf(before, entries) }))).toBe('integrity');
  });

  it('a count that it does not hold, or an unknown kind of blob', () => {
    const body = new Uint8Array(bodyOf(before, pack.entries));
    const count = body.slice();
    count.fill(255, 16, 20);
    const kind = body.slice();
    kind[20 + 32] = 4;
    expect(outcome(assemble({ before, body: count }))).toBe('integrity');
    expect(outcome(assemble({ before, body: kind }))).toBe('needs-newer-neo');
  });

  it('something hidden in the zeros at its end, or a length that says how many blobs there are', () => {
    const body = new Uint8Array(bodyOf(before, pack.entries));
    const hidden = body.slice();
    hidden[hidden.length - 1] = 1;
    expect(outcome(assemble({ before, body: hidden }))).toBe('integrity');
    expect(outcome(assemble({ before, body: concatBytes(body, new Uint8Array(4096)) }))).toBe('integrity');
    expect(outcome(assemble({ before, body: body.subarray(0, body.length - 1) }))).toBe('integrity');
    expect(outcome(assemble({ before, body }))).toBe('read');
  });
});
