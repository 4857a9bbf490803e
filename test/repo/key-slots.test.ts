/** Key slots: what fits, what is refused before anything is derived, and what others may put beside them. */
import { describe, expect, it } from 'vitest';
import { concatBytes, fromHex, toHex, utf8 } from '../../src/core/bytes.ts';
import { type ErrorCode, isNeoError } from '../../src/core/errors.ts';
import { type ClientId, clientId } from '../../src/core/ids.ts';
import { systemRandom } from '../../src/core/random.ts';
import { derivePasswordKey, type KdfParameters } from '../../src/engine/kdf.ts';
import {
  credentialKey,
  decodeSlot,
  encodeSlot,
  normalisePassword,
  openListing,
  openSlot,
  slotMatches,
} from '../../src/repo/key-slots.ts';
import { openRepository, type Repository, slotPath } from '../../src/repo/repository.ts';
import { inHex } from '../support/in-hex.ts';
import { testEngine as engine, type TempRepository, tempRepository } from '../support/temp-repository.ts';

const SCRYPT: KdfParameters = { name: 'scrypt', n: 16_384, r: 8, p: 1, salt: new Uint8Array(16).fill(1) };

interface Wishes {
  readonly kdf?: KdfParameters;
  /** What the slot is stored with in place of `kdf`. */
  readonly claims?: KdfParameters;
}

/** A slot of another client with the keys of the one in use, opened by `password`. */
async function slotOf(
  repository: Repository,
  id: ClientId,
  password: string,
  { kdf = SCRYPT, claims = kdf }: Wishes = {},
): Promise<Uint8Array> {
  const kek = await derivePasswordKey(engine, utf8(password), kdf);
  const listing = {
    client: id,
    label: password,
    role: 'full' as const,
    method: 'password' as const,
    created: 0,
    expires: 0,
    certificate: repository.slot.certificate,
    kemPublic: engine.kemPublicKey(repository.slot.kemSeed),
  };
  return encodeSlot(engine, systemRandom, {
    listing,
    secret: { ...repository.slot, client: id },
    indexKey: repository.keys.index,
    kek,
    kdf: claims,
  });
}

function idOf(digit: string): ClientId {
  return clientId(digit.repeat(32));
}

async function tryPassword(made: TempRepository, password: string, keySlot?: string): Promise<ErrorCode | string> {
  const credential = { type: 'password' as const, password: utf8(password) };
  try {
    const options = { credential, ...(keySlot === undefined ? {} : { keySlot }) };
    return (await openRepository(made.surroundings, made.backend, options)).client;
  } catch (error) {
    return isNeoError(error) ? error.code : String(error);
  }
}

describe('a slot', () => {
  it('gives back what was put in, to its key alone', async () => {
    const made = await tempRepository();
    const repository = await made.open();
    const bytes = await slotOf(repository, idOf('a'), 'pw');
    const slot = decodeSlot(idOf('a'), bytes);
    expect(inHex(slot.kdf)).toEqual(inHex(SCRYPT));
    const kek = await credentialKey(engine, { type: 'password', password: utf8('pw') }, slot.kdf);
    if (kek === undefined) throw new Error('no key');
    expect(slotMatches(engine, slot, kek)).toBe(true);
    expect(inHex(openSlot(engine, slot, kek))).toEqual(inHex({ ...repository.slot, client: idOf('a') }));
    expect(openListing(engine, repository.keys.index, slot)).toMatchObject({ label: 'pw', method: 'password' });
    const wrong = await credentialKey(engine, { type: 'password', password: utf8('px') }, slot.kdf);
    expect(wrong !== undefined && slotMatches(engine, slot, wrong)).toBe(false);
    expect(() => openSlot(engine, slot, wrong ?? new Uint8Array(32))).toThrow(
      expect.objectContaining({ code: 'integrity' }),
    );
  });

  it('shows neither label nor keys in clear', async () => {
    const repository = await (await tempRepository()).open();
    const text = Buffer.from(await slotOf(repository, idOf('a'), 'a label that shows')).toString('latin1');
    expect(text).not.toContain('a label that shows');
    expect(text).not.toContain(Buffer.from(repository.slot.signSeed).toString('base64url'));
    expect(text).not.toContain(Buffer.from(repository.slot.signSeed).toString('latin1'));
  });

  it('belongs to its own id, and its own repository', async () => {
    const repository = await (await tempRepository()).open();
    const bytes = await slotOf(repository, idOf('a'), 'pw');
    const kek = await credentialKey(engine, { type: 'password', password: utf8('pw') }, SCRYPT);
    const moved = decodeSlot(idOf('b'), bytes);
    expect(() => openSlot(engine, moved, kek ?? new Uint8Array())).toThrow('another repository or client');
    expect(() => openListing(engine, repository.keys.index, moved)).toThrow(
      expect.objectContaining({ code: 'integrity' }),
    );
    const other = concatBytes(bytes.subarray(0, 8), fromHex('00'.repeat(16)), bytes.subarray(24));
    expect(() => openSlot(engine, decodeSlot(idOf('a'), other), kek ?? new Uint8Array())).toThrow();
  });

  it('takes the same password in both forms of Unicode, and bytes that are none as they are', () => {
    expect(toHex(normalisePassword(utf8('e\u0301')))).toBe(toHex(utf8('\u00e9')));
    expect(normalisePassword(Uint8Array.of(0xff, 0xfe))).toEqual(Uint8Array.of(0xff, 0xfe));
  });
});

describe('opening among many slots', () => {
  it('finds the one that fits, and --key-slot tries no other', async () => {
    const made = await tempRepository();
    const repository = await made.open();
    for (const digit of ['a', 'b', 'c']) {
      await made.backend.put(slotPath(idOf(digit)), await slotOf(repository, idOf(digit), `pw ${digit}`));
    }
    // The certificate in them is another client's: the slot opens, and what it says of itself is not believed.
    expect(await tryPassword(made, 'pw b')).toBe('integrity');
    expect(await tryPassword(made, 'pw d')).toBe('wrong-password');
    expect(await tryPassword(made, 'pw b', 'a')).toBe('wrong-password');
    expect(await tryPassword(made, 'pw b', 'ff')).toBe('wrong-password');
  });

  const tooWeak: KdfParameters = { ...SCRYPT, n: 2 };
  const tooMuch: KdfParameters[] = [
    { ...SCRYPT, n: 2 ** 21 },
    { ...SCRYPT, n: 2 ** 20, r: 32, p: 16 },
    { ...SCRYPT, n: 16_385 },
    { name: 'argon2id', memory: 2 ** 21, passes: 3, lanes: 4, salt: new Uint8Array(16) },
    { name: 'argon2id', memory: 65_536, passes: 65, lanes: 4, salt: new Uint8Array(16) },
    { name: 'argon2id', memory: 65_536, passes: 3, lanes: 4, salt: new Uint8Array(7) },
    { name: 'argon2id', memory: 8, passes: 1, lanes: 1, salt: new Uint8Array(16) },
  ];

  it('derives nothing under parameters out of bounds, and is not stopped by them', async () => {
    const made = await tempRepository();
    const repository = await made.open();
    const refusing = { ...engine, argon2id: () => Promise.reject(new Error('derived')) };
    for (const [at, claims] of tooMuch.entries()) {
      const id = clientId(`${at}`.padStart(32, '0'));
      await made.backend.put(slotPath(id), await slotOf(repository, id, 'pw', { claims }));
    }
    const weak = idOf('e');
    await made.backend.put(slotPath(weak), await slotOf(repository, weak, 'weak', { kdf: tooWeak }));
    const surroundings = { ...made.surroundings, engine: refusing };
    const credential = { type: 'password' as const, password: utf8('weak') };
    await expect(openRepository(surroundings, made.backend, { credential })).rejects.toMatchObject({
      code: 'wrong-password',
    });
    const only = { credential, keySlot: weak };
    await expect(openRepository(surroundings, made.backend, only)).rejects.toMatchObject({ code: 'integrity' });
    expect((await made.open()).client).toBe(repository.client);
  });

  it('tries cheap slots first, whatever their ids', async () => {
    const made = await tempRepository();
    const repository = await made.open();
    const dear: KdfParameters = { ...SCRYPT, n: 2 ** 17 };
    await made.backend.put(
      slotPath(idOf('0')),
      await slotOf(repository, idOf('0'), 'dear', { claims: dear, kdf: SCRYPT }),
    );
    await made.backend.put(slotPath(idOf('f')), await slotOf(repository, idOf('f'), 'cheap'));
    const tried: number[] = [];
    const watching = {
      ...engine,
      scrypt: (...args: Parameters<typeof engine.scrypt>) => {
        tried.push(args[2].n);
        return engine.scrypt(...args);
      },
    };
    const credential = { type: 'password' as const, password: utf8('neither') };
    const surroundings = { ...made.surroundings, engine: watching };
    await expect(openRepository(surroundings, made.backend, { credential })).rejects.toMatchObject({ exitCode: 12 });
    expect(tried).toEqual([SCRYPT.n, dear.n]);
  });

  it('is not misled by a copy of a slot under another id, nor by one with the same commitment', async () => {
    const made = await tempRepository();
    const repository = await made.open();
    const own = (await made.backend.get(slotPath(repository.client))) ?? new Uint8Array();
    const broken = own.slice();
    broken[own.length - 50] = (broken[own.length - 50] ?? 0) ^ 1;
    await made.backend.put(slotPath(idOf('0')), own);
    await made.backend.put(slotPath(clientId(`${'0'.repeat(31)}1`)), broken);
    expect((await made.open()).client).toBe(repository.client);
  });
});
