import { describe, expect, it } from 'vitest';
import { toHex, utf8 } from '../../src/core/bytes.ts';
import { Sha256 } from '../../src/engine/sha256.ts';

describe('SHA-256', () => {
  it('agrees with FIPS 180-4, piece by piece, and again from the beginning', async () => {
    const hash = new Sha256();
    for (const part of ['a', '', 'bc']) hash.update(utf8(part));
    expect(toHex(await hash.digest())).toBe('ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad');
    hash.reset();
    expect(toHex(await hash.digest())).toBe('e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855');
  });

  it.each(['text', 'bytes', 'buffer'] as const)('is an HMAC with a key of %s (RFC 4231, test case 2)', async (form) => {
    const bytes = utf8('Jefe');
    const hash = new Sha256({ text: 'Jefe', bytes, buffer: new Uint8Array(bytes).buffer }[form]);
    hash.update(utf8('what do ya want for nothing?'));
    const mac = '5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843';
    expect(toHex(await hash.digest())).toBe(mac);
    hash.reset();
    hash.update(utf8('what do ya want for nothing?'));
    expect(toHex(await hash.digest())).toBe(mac);
  });
});
