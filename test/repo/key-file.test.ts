/** Key files: their text, and what is none. */
import { describe, expect, it } from 'vitest';
import { utf8 } from '../../src/core/bytes.ts';
import { clientId, repositoryId } from '../../src/core/ids.ts';
import { systemRandom } from '../../src/core/random.ts';
import { protectSecret, unprotectSecret } from '../../src/repo/file-secret.ts';
import { encodeKeyFile, type KeyFile, parseKeyFile } from '../../src/repo/key-file.ts';
import { inHex } from '../support/in-hex.ts';
import { testEngine as engine } from '../support/temp-repository.ts';

const file: KeyFile = {
  repository: repositoryId('ab'.repeat(16)),
  client: clientId('cd'.repeat(16)),
  role: 'write',
  slot: Uint8Array.of(1, 2, 3),
  secret: { type: 'open', secret: new Uint8Array(32).fill(4) },
};
const SCRYPT = { name: 'scrypt' as const, n: 16_384, r: 8, p: 1, salt: new Uint8Array(16) };

const text = Buffer.from(encodeKeyFile(file)).toString();

describe('a key file', () => {
  it('is canonical JSON and comes back', () => {
    expect(text).toMatch(/^\{"client":"(cd){16}","neo":"key file","repository":"(ab){16}","role":"write","secret":"/);
    expect(inHex(parseKeyFile(utf8(text)))).toEqual(inHex(file));
    expect(parseKeyFile(utf8(`${text}\n`)).client).toBe(file.client);
  });

  it.each([
    ['nothing', ''],
    ['other JSON', '{}'],
    ['an array', '[]'],
    ['no JSON', 'ssh-ed25519 AAAA'],
    ['no secret', text.replace(/"secret":"[^"]*",/, '')],
    ['an id that is none', text.replace('cdcd', 'zzzz')],
    ['a role that is none', text.replace('"write"', '"root"')],
    ['a slot that is not base64url', text.replace('"slot":"AQID"', '"slot":"AQI="')],
    ['the page of a recovery key', '# Recovery key\n 1  AAAAA  00'],
  ])('is not %s: wrong key', (_, bytes) => {
    expect(() => parseKeyFile(utf8(bytes))).toThrow(expect.objectContaining({ code: 'wrong-password', exitCode: 12 }));
  });

  it('of a later version needs a newer neo', () => {
    expect(() => parseKeyFile(utf8(text.replace('"v":1', '"v":2')))).toThrow(
      expect.objectContaining({ code: 'needs-newer-neo' }),
    );
  });

  it('refuses to derive from its password under parameters out of bounds', async () => {
    const secret = await protectSecret(engine, systemRandom, new Uint8Array(32).fill(5), utf8('pw'), SCRYPT);
    if (secret.type !== 'protected') throw new Error('open');
    expect(inHex(await unprotectSecret(engine, secret, utf8('pw')))).toBe(`hex ${'05'.repeat(32)}`);
    for (const kdf of [
      { ...SCRYPT, n: 2 },
      { ...SCRYPT, n: 2 ** 24 },
    ]) {
      await expect(unprotectSecret(engine, { ...secret, kdf }, utf8('pw'))).rejects.toMatchObject({
        code: 'integrity',
      });
    }
    const weakened = Buffer.from(encodeKeyFile({ ...file, secret }))
      .toString()
      .replace('"name":"scrypt"', '"name":"none"');
    expect(() => parseKeyFile(utf8(weakened))).toThrow(expect.objectContaining({ code: 'wrong-password' }));
  });
});
