/** What is written byte by byte is what JSON.stringify and the encodings of bytes.ts say. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { toBase64, toByteString } from '../../src/core/bytes.ts';
import { isNeoError } from '../../src/core/errors.ts';
import { canonicalText } from '../../src/core/json.ts';
import { JsonWriter } from '../../src/core/json-writer.ts';

function written(write: (out: JsonWriter) => void): string {
  // So small that it has to grow.
  const out = new JsonWriter(1);
  write(out);
  return Buffer.from(out.view()).toString();
}

const bytes = fc.oneof(
  fc.uint8Array({ maxLength: 100 }),
  fc.string({ unit: 'grapheme', maxLength: 50 }).map((text) => new Uint8Array(Buffer.from(text))),
  fc.string({ unit: 'grapheme-ascii', maxLength: 50 }).map((text) => new Uint8Array(Buffer.from(text))),
);

function expectWritten(write: (out: JsonWriter) => void, text: string): void {
  expect(written(write)).toBe(text);
}

describe('JSON written into bytes', () => {
  it('has bytes as base64url without padding', () => {
    fc.assert(fc.property(bytes, (value) => expectWritten((out) => out.base64(value), `"${toBase64(value)}"`)));
  });

  it('has names as text where they are text', () => {
    const property = fc.property(bytes, (value) => {
      expectWritten((out) => out.byteString(value), canonicalText(toByteString(value)));
    });
    fc.assert(property, { numRuns: 500 });
  });

  it('has texts as JSON.stringify has them', () => {
    const texts = fc.oneof(fc.string({ unit: 'binary' }), fc.string({ unit: 'grapheme-ascii' }));
    fc.assert(fc.property(texts, (value) => expectWritten((out) => out.text(value), JSON.stringify(value))));
  });

  it('has whole numbers as JSON has them', () => {
    const numbers = fc.oneof(fc.maxSafeInteger(), fc.integer(), fc.constantFrom(0, -0, 9, 10, 2 ** 31 - 1, 2 ** 31));
    fc.assert(fc.property(numbers, (value) => expectWritten((out) => out.integer(value), JSON.stringify(value))));
    fc.assert(fc.property(fc.bigInt(), (value) => expectWritten((out) => out.quotedInteger(value), `"${value}"`)));
  });

  it('refuses what JSON does not keep', () => {
    for (const value of [0.5, Number.NaN, Infinity, 2 ** 53, -(2 ** 53)]) {
      try {
        written((out) => out.integer(value));
        expect.unreachable(`${value}`);
      } catch (error) {
        expect(isNeoError(error, 'failed')).toBe(true);
      }
    }
  });

  it('forgets what is cut off, and goes on from there', () => {
    const text = written((out) => {
      out.ascii('[1,22');
      out.truncate(3);
      out.json('"ü"');
      out.raw(new Uint8Array([0x5d]));
    });
    expect(text).toBe('[1,"ü"]');
  });
});
