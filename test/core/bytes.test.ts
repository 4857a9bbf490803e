/** Hex, base64url, byte strings and canonical JSON: one form for each value, and every other form refused. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  copyInto,
  discard,
  fromBase64,
  fromByteString,
  fromHex,
  toBase64,
  toByteString,
  toHex,
} from '../../src/core/bytes.ts';
import { ByteGate } from '../../src/core/concurrency.ts';
import { isNeoError } from '../../src/core/errors.ts';
import { canonicalJson, type Json, parseJson } from '../../src/core/json.ts';

const bytes = fc.oneof(
  fc.uint8Array({ maxLength: 40 }),
  fc.string({ unit: 'binary' }).map((text) => new Uint8Array(Buffer.from(text))),
);

function refused(act: () => unknown): boolean {
  try {
    act();
    return false;
  } catch (error) {
    return isNeoError(error, 'integrity');
  }
}

describe('a copy', () => {
  const memory = (shared: boolean, length: number) =>
    new Uint8Array(shared ? new SharedArrayBuffer(length) : new ArrayBuffer(length)).fill(7);

  it('is what `set` makes, in memory that threads share and in any other', () => {
    const place = fc.record({ shared: fc.boolean(), offset: fc.nat(9), more: fc.nat(5) });
    fc.assert(
      fc.property(bytes, place, place, fc.nat(70), (given, from, to, at) => {
        const source = memory(from.shared, from.offset + given.length).subarray(from.offset);
        source.set(given);
        const length = to.offset + at + given.length + to.more;
        const [target, expected] = [memory(to.shared, length).subarray(to.offset), memory(false, length - to.offset)];
        copyInto(target, at, source);
        expected.set(given, at);
        expect(toHex(target)).toBe(toHex(expected));
      }),
    );
  });

  it('writes nothing when it does not fit', () => {
    const target = memory(true, 8);
    for (const [at, length] of [
      [0, 9],
      [8, 1],
      [5, 4],
      [-1, 2],
    ] as const) {
      expect(() => copyInto(target, at, new Uint8Array(length))).toThrow(RangeError);
    }
    expect(toHex(target)).toBe('07'.repeat(8));
  });
});

describe('bytes as text', () => {
  it('come back, and have one form', () => {
    fc.assert(
      fc.property(bytes, (given) => {
        expect(toHex(fromHex(toHex(given)))).toBe(toHex(given));
        expect(toHex(fromBase64(toBase64(given)))).toBe(toHex(given));
        expect(toHex(fromByteString(toByteString(given)))).toBe(toHex(given));
      }),
    );
  });

  it('are refused in any other form', () => {
    for (const text of ['0', 'AA', 'zz', '0 ', '0x'])
      expect(
        refused(() => fromHex(text)),
        text,
      ).toBe(true);
    for (const text of ['A', 'AB', 'AA==', 'A+AA', 'A/AA', ' AAA', 'AAA\n']) {
      expect(
        refused(() => fromBase64(text)),
        text,
      ).toBe(true);
    }
    for (const b of ['', 'YQ', toBase64(Buffer.from('ü'))])
      expect(
        refused(() => fromByteString({ b })),
        b,
      ).toBe(true);
  });

  it('any text is refused or is the one form of its bytes', () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        expect(refused(() => fromBase64(text)) || toBase64(fromBase64(text)) === text).toBe(true);
        expect(refused(() => fromHex(text)) || toHex(fromHex(text)) === text).toBe(true);
      }),
    );
  });
});

describe('canonical JSON', () => {
  const json = fc.letrec<{ value: Json }>((tie) => ({
    value: fc.oneof(
      { maxDepth: 4 },
      fc.string(),
      fc.maxSafeInteger(),
      fc.boolean(),
      fc.constant(null),
      fc.array(tie('value'), { maxLength: 4 }),
      fc.dictionary(fc.string(), tie('value'), { maxKeys: 4, noNullPrototype: true }),
    ),
  })).value;

  it('is the same again after parsing', () => {
    fc.assert(
      fc.property(json, (value) => {
        const text = canonicalJson(value);
        expect(toHex(canonicalJson(parseJson(text) as Json))).toBe(toHex(text));
      }),
    );
  });

  it('orders by UTF-16 units, as RFC 8785 shows, and takes safe integers only', () => {
    const value = { '\u20ac': 1, '\r': 2, '\ufb33': 3, '1': 4, '\ud83d\ude00': 5, '\u0080': 6, '\u00f6': 7 };
    expect(Object.keys(parseJson(canonicalJson(value)) as object).join('|')).toBe(
      '1|\r|\u0080|\u00f6|\u20ac|\ud83d\ude00|\ufb33',
    );
    for (const number of [0.5, 2 ** 53, Number.NaN, Number.POSITIVE_INFINITY]) {
      expect(() => canonicalJson(number)).toThrow('safe integer');
    }
    expect(Buffer.from(canonicalJson(-0)).toString()).toBe('0');
  });

  it('that is none is damage', () => {
    for (const text of ['', '{', '{}x', '\ufeff{}'])
      expect(
        refused(() => parseJson(Buffer.from(text))),
        text,
      ).toBe(true);
    expect(refused(() => parseJson(Uint8Array.of(0x22, 0xff, 0x22)))).toBe(true);
    expect(refused(() => parseJson(Buffer.from('['.repeat(2_000_000))))).toBe(true);
  });
});

it('a gate never lets in more than its limit, but one that is larger alone, and forgets nobody', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.integer({ min: 0, max: 15 }), { maxLength: 40 }), async (sizes) => {
      const gate = new ByteGate(10);
      const inside: number[] = [];
      await Promise.all(
        sizes.map(async (size) => {
          await gate.acquire(size);
          inside.push(size);
          const sum = inside.reduce((total, held) => total + held, 0);
          expect(sum <= 10 || inside.filter((held) => held > 0).length === 1).toBe(true);
          await undefined;
          inside.splice(inside.indexOf(size), 1);
          gate.release(size);
        }),
      );
      expect(gate.used).toBe(0);
    }),
  );
});

it('discard gives back what has its buffer for itself, and never what others may look at', () => {
  const own = new Uint8Array(100_000);
  discard(own.subarray(5));
  expect(own.length).toBe(0);
  const shared = new Uint8Array(200_000);
  discard(shared.subarray(0, 100_000));
  discard(new Uint8Array(new SharedArrayBuffer(100_000)));
  expect(shared.length).toBe(200_000);
  const small = new Uint8Array(1000);
  discard(small);
  expect(small.length).toBe(1000);
});
