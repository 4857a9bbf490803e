/** Keys of a repository: added, listed, removed, changed, copied; never in a state that locks somebody out. */
import { describe, expect, it } from 'vitest';
import { toHex, utf8 } from '../../src/core/bytes.ts';
import { systemClock } from '../../src/core/clock.ts';
import { isNeoError } from '../../src/core/errors.ts';
import { clientId } from '../../src/core/ids.ts';
import type { Argon2Parameters } from '../../src/engine/engine.ts';
import { DEFAULT_ARGON2 } from '../../src/engine/kdf.ts';
import { unprotectSecret } from '../../src/repo/file-secret.ts';
import { parseKeyFile } from '../../src/repo/key-file.ts';
import { decodeSlot } from '../../src/repo/key-slots.ts';
import { parsePaperKey } from '../../src/repo/paper-key.ts';
import { openRepository, type Repository, slotPath } from '../../src/repo/repository.ts';
import {
  type Access,
  changePassword,
  exportKeyFile,
  importKeyFile,
  type KeyWishes,
  listKeys,
  type NewPassword,
  type PreparedKey,
  prepareKey,
  publishKey,
  recoveryLines,
  removeKey,
} from '../../src/tasks/keys.ts';
import { SimClock } from '../support/sim-clock.ts';
import { type TempRepository, tempRepository, testCredential } from '../support/temp-repository.ts';

const LEAST: Argon2Parameters = DEFAULT_ARGON2;

function passwordOf(text: string): NewPassword {
  return { password: utf8(text), kdf: { name: 'argon2id', parameters: LEAST } };
}

const FULL: KeyWishes = { label: 'spare', role: 'full', expires: 0 };

async function add(repository: Repository, access: Access, wishes: Partial<KeyWishes> = {}): Promise<PreparedKey> {
  const prepared = await prepareKey(repository, { ...FULL, ...wishes }, access);
  await publishKey(repository, prepared);
  return prepared;
}

function openWith(made: TempRepository, password: string, keySlot?: string): Promise<Repository> {
  const credential = { type: 'password' as const, password: utf8(password) };
  return openRepository(made.surroundings, made.backend, { credential, ...(keySlot === undefined ? {} : { keySlot }) });
}

async function labels(repository: Repository): Promise<string[]> {
  return (await listKeys(repository)).keys.map(({ label }) => label).sort();
}

const code = (error: unknown): string => (isNeoError(error) ? error.code : String(error));

describe('adding', () => {
  it('a password opens as well as the first key, and is listed', async () => {
    const made = await tempRepository();
    const added = await add(await made.open(), { method: 'password', password: passwordOf('Ångström') });
    const decomposed = 'A\u030angstro\u0308m';
    const repository = await openWith(made, decomposed);
    expect(repository.client).toBe(added.id);
    expect(toHex(repository.keys.full?.root ?? new Uint8Array())).toBe(
      toHex((await made.open()).keys.full?.root ?? new Uint8Array(1)),
    );
    const { keys } = await listKeys(repository);
    expect(keys.find(({ current }) => current)).toMatchObject({
      label: 'spare',
      method: 'password',
      role: 'full',
      expires: 0,
      id: added.id,
    });
    expect(keys.find(({ current }) => !current)).toMatchObject({ label: 'test', method: 'key' });
  });

  it('scrypt on request, with its parameters in the slot', async () => {
    const made = await tempRepository();
    const password: NewPassword = { password: utf8('pw'), kdf: { name: 'scrypt' } };
    const { id, slot } = await add(await made.open(), { method: 'password', password });
    expect(decodeSlot(id, slot).kdf).toMatchObject({ name: 'scrypt', n: 16_384, r: 8, p: 1 });
    expect((await openWith(made, 'pw')).client).toBe(id);
  });

  it('is calibrated, and never below the floor', async () => {
    const made = await tempRepository({ clock: systemClock });
    const { id, slot } = await prepareKey(await made.open(), FULL, {
      method: 'password',
      password: { password: utf8('pw'), kdf: { name: 'argon2id' } },
    });
    const { kdf } = decodeSlot(id, slot);
    if (kdf?.name !== 'argon2id') throw new Error('another derivation');
    expect(kdf.memory * kdf.passes).toBeGreaterThanOrEqual(LEAST.memory * LEAST.passes);
  });

  it('refuses labels and dates that cannot be, and writes nothing until it is published', async () => {
    const made = await tempRepository();
    const repository = await made.open();
    const now = made.surroundings.clock.now();
    for (const wishes of [{ label: '' }, { label: 'two\nlines' }, { label: 'x'.repeat(201) }, { expires: now }]) {
      await expect(prepareKey(repository, { ...FULL, ...wishes }, { method: 'key' })).rejects.toMatchObject({
        code: 'usage',
      });
    }
    await prepareKey(repository, FULL, { method: 'key' });
    expect(await labels(repository)).toEqual(['test']);
  });

  it('needs a key that has not expired', async () => {
    const clock = new SimClock();
    const made = await tempRepository({ clock });
    const file = await add(await made.open(), { method: 'key' }, { expires: clock.now() + 1000 });
    const mine = await made.open(undefined, { type: 'secret', secret: file.secret ?? new Uint8Array() });
    clock.advance(1000);
    await expect(prepareKey(mine, FULL, { method: 'key' })).rejects.toMatchObject({ code: 'permission-denied' });
    expect(await labels(mine)).toEqual(['spare', 'test']);
  });
});

describe('a key file', () => {
  it('opens without a password, also when the slot is gone from the repository', async () => {
    const made = await tempRepository();
    const { id, keyFile } = await add(await made.open(), { method: 'key' }, { role: 'write' });
    const file = parseKeyFile(keyFile ?? new Uint8Array());
    expect(file).toMatchObject({ client: id, role: 'write', repository: made.config.repository });
    if (file.secret.type !== 'open') throw new Error('protected');
    const options = {
      credential: { type: 'secret' as const, secret: file.secret.secret },
      keySlot: id,
      carriedSlot: { client: id, bytes: file.slot },
    };
    expect((await openRepository(made.surroundings, made.backend, options)).client).toBe(id);
    made.backend.tamper(slotPath(id), undefined);
    expect((await openRepository(made.surroundings, made.backend, options)).client).toBe(id);
    // Somebody put junk in its place.
    made.backend.tamper(
      slotPath(id),
      (await made.backend.get(slotPath((await made.open()).client))) ?? new Uint8Array(),
    );
    expect((await openRepository(made.surroundings, made.backend, options)).client).toBe(id);
  });

  it('can have a password of its own', async () => {
    const made = await tempRepository();
    const { keyFile, secret } = await add(await made.open(), { method: 'key', protect: passwordOf('own') });
    const { engine } = made.surroundings;
    expect(Buffer.from(keyFile ?? '').includes(Buffer.from(secret ?? '').toString('base64url'))).toBe(false);
    const file = parseKeyFile(keyFile ?? new Uint8Array());
    if (file.secret.type !== 'protected') throw new Error('open');
    expect(toHex(await unprotectSecret(engine, file.secret, utf8('own')))).toBe(toHex(secret ?? new Uint8Array()));
    await expect(unprotectSecret(engine, file.secret, utf8('other'))).rejects.toMatchObject({ code: 'wrong-password' });
  });

  it('can be made of the key in use, of a password as well', async () => {
    const made = await tempRepository();
    const { id } = await add(await made.open(), { method: 'password', password: passwordOf('pw') });
    const repository = await openWith(made, 'pw');
    const credential = { type: 'password' as const, password: utf8('pw') };
    const copy = parseKeyFile(await exportKeyFile(repository, credential, undefined, undefined));
    if (copy.secret.type !== 'open') throw new Error('protected');
    const again = await made.open(undefined, { type: 'secret', secret: copy.secret.secret });
    expect(again.client).toBe(id);
    await expect(exportKeyFile(repository, testCredential, undefined, undefined)).rejects.toMatchObject({
      code: 'wrong-password',
    });
  });

  it('puts its slot back, once, and only where it belongs', async () => {
    const made = await tempRepository();
    const repository = await made.open();
    const { id, keyFile, secret } = await add(repository, { method: 'key' });
    const file = parseKeyFile(keyFile ?? new Uint8Array());
    const opening = secret ?? new Uint8Array();
    expect(await importKeyFile(repository, file, opening)).toBe(false);
    await removeKey(repository, id, { evenCurrent: false });
    expect(await labels(repository)).toEqual(['test']);
    expect(await importKeyFile(repository, file, opening)).toBe(true);
    expect(await labels(repository)).toEqual(['spare', 'test']);
    await expect(importKeyFile(repository, file, new Uint8Array(32))).rejects.toMatchObject({ code: 'wrong-password' });
    const other = await (await tempRepository()).open();
    await expect(importKeyFile(other, file, opening)).rejects.toMatchObject({ code: 'wrong-password' });
    made.backend.tamper(slotPath(id), new Uint8Array(5));
    await expect(importKeyFile(repository, file, opening)).rejects.toMatchObject({ code: 'integrity' });
  });
});

describe('a recovery key', () => {
  it('opens when it is typed in again, and everything else is lost', async () => {
    const made = await tempRepository();
    const repository = await made.open();
    const prepared = await add(repository, { method: 'recovery' }, { label: 'paper' });
    const typed = recoveryLines(repository, prepared).join('\n').toLowerCase();
    const first = repository.client;
    made.backend.tamper(slotPath(first), undefined);
    const secret = parsePaperKey(made.surroundings.engine, utf8(typed));
    const opened = await made.open(undefined, { type: 'secret', secret });
    expect((await listKeys(opened)).keys).toMatchObject([{ label: 'paper', method: 'recovery', current: true }]);
    await add(opened, { method: 'password', password: passwordOf('new') });
    expect((await openWith(made, 'new')).keys.full).toBeDefined();
  });
});

describe('removing', () => {
  it('finds a key by label or start of its id, and never guesses', async () => {
    const made = await tempRepository();
    const repository = await made.open();
    const ids = [];
    for (const label of ['a', 'b', 'b', 'c']) ids.push((await add(repository, { method: 'key' }, { label })).id);
    const failure = async (name: string): Promise<string> =>
      removeKey(repository, name, { evenCurrent: true }).then(() => 'removed', code);
    expect(await failure('b')).toBe('usage');
    expect(await failure('nobody')).toBe('usage');
    expect(await failure('')).toBe('usage');
    expect(await failure((ids[0] ?? '').slice(0, 3))).toBe('usage');
    expect((await removeKey(repository, 'a', { evenCurrent: false })).id).toBe(ids[0]);
    expect((await removeKey(repository, (ids[1] ?? '').slice(0, 8), { evenCurrent: false })).id).toBe(ids[1]);
    expect(await labels(repository)).toEqual(['b', 'c', 'test']);
  });

  it('leaves a full key that has not expired', async () => {
    const clock = new SimClock();
    const made = await tempRepository({ clock });
    const repository = await made.open();
    await add(repository, { method: 'key' }, { role: 'write', label: 'laptop' });
    await add(repository, { method: 'key' }, { label: 'short', expires: clock.now() + 1000 });
    clock.advance(2000);
    await expect(removeKey(repository, 'test', { evenCurrent: true })).rejects.toMatchObject({ code: 'failed' });
    // What the thief of a write key can forge does not count: a listing without a certificate of its own.
    const forged = clientId('1'.repeat(32));
    await made.backend.put(slotPath(forged), (await made.backend.get(slotPath(repository.client))) ?? new Uint8Array());
    await expect(removeKey(repository, 'test', { evenCurrent: true })).rejects.toMatchObject({ code: 'failed' });
    expect((await listKeys(repository)).faults.map(({ path }) => path)).toEqual([slotPath(forged)]);
    await add(repository, { method: 'key' }, { label: 'other' });
    await expect(removeKey(repository, 'test', { evenCurrent: false })).rejects.toMatchObject({ code: 'failed' });
    await removeKey(repository, 'test', { evenCurrent: true });
    expect(await labels(repository)).not.toContain('test');
  });

  it('does not count a slot whose bytes are not those that were written', async () => {
    const made = await tempRepository();
    const repository = await made.open();
    const { id } = await add(repository, { method: 'key' });
    const path = slotPath(id);
    const removed = (await made.backend.get(path)) ?? new Uint8Array();
    await removeKey(repository, 'spare', { evenCurrent: false });
    // Listing and certificate are real; the secret, before the check sum, is junk.
    const junk = removed.slice();
    junk.fill(0, -100, -32);
    await made.backend.put(path, junk);
    const { keys } = await listKeys(repository);
    expect(Object.fromEntries(keys.map(({ label, whole }) => [label, whole]))).toEqual({ test: true, spare: false });
    await expect(removeKey(repository, 'test', { evenCurrent: true })).rejects.toMatchObject({ code: 'failed' });
    expect(await made.backend.get(slotPath(repository.client))).toBeDefined();
    await removeKey(repository, 'spare', { evenCurrent: false });
    await made.backend.put(path, removed);
    await removeKey(repository, 'test', { evenCurrent: true });
    expect(await labels(repository)).toEqual(['spare']);
  });

  it('is not for role write', async () => {
    const made = await tempRepository();
    const { secret } = await add(await made.open(), { method: 'key' }, { role: 'write', label: 'laptop' });
    const writer = await made.open(undefined, { type: 'secret', secret: secret ?? new Uint8Array() });
    await expect(removeKey(writer, 'laptop', { evenCurrent: true })).rejects.toMatchObject({ exitCode: 13 });
    await expect(changePassword(writer, undefined, passwordOf('x'))).rejects.toMatchObject({ exitCode: 13 });
  });
});

describe('changing a password', () => {
  it('keeps label, role and expiry, and leaves other slots alone', async () => {
    const made = await tempRepository();
    const expires = made.surroundings.clock.now() + 1_000_000;
    const first = await made.open();
    await add(first, { method: 'password', password: passwordOf('old') }, { label: 'ann', expires });
    const before = (await made.backend.get(slotPath(first.client))) ?? new Uint8Array();
    const { added } = await changePassword(await openWith(made, 'old'), undefined, passwordOf('new'));
    await expect(openWith(made, 'old')).rejects.toMatchObject({ exitCode: 12 });
    const repository = await openWith(made, 'new', added.slice(0, 6));
    expect((await listKeys(repository)).keys.find(({ current }) => current)).toMatchObject({ label: 'ann', expires });
    expect(await made.backend.get(slotPath(first.client))).toEqual(before);
    await expect(changePassword(repository, 'test', passwordOf('x'))).rejects.toMatchObject({ code: 'failed' });
  });

  it('makes the new slot durable before the old one goes', async () => {
    const made = await tempRepository();
    await add(await made.open(), { method: 'password', password: passwordOf('old') }, { label: 'ann' });
    const repository = await made.open();
    const seen: string[] = [];
    const backend = new Proxy(repository.backend, {
      get(target, name) {
        const value: unknown = Reflect.get(target, name);
        if (typeof value !== 'function') return value;
        return (...args: unknown[]) => {
          if (name === 'put' || name === 'remove') seen.push(name);
          if (name === 'remove') throw new Error('crash');
          return Reflect.apply(value, target, args);
        };
      },
    });
    await expect(changePassword({ ...repository, backend }, 'ann', passwordOf('new'))).rejects.toThrow('crash');
    expect(seen).toEqual(['put', 'remove']);
    for (const password of ['old', 'new']) expect((await openWith(made, password)).keys.full).toBeDefined();
  });
});
