/**
 * The keys of a repository: slots that passwords, key files and recovery keys open. A slot is added whole and durable
 * before another one goes; no slot is ever changed.
 */
import { equalBytes } from '../core/bytes.ts';
import { NeoError } from '../core/errors.ts';
import type { ClientId } from '../core/ids.ts';
import { requireOneConfig } from '../repo/config.ts';
import { encodeKeyFile, type KeyFile } from '../repo/key-file.ts';
import { type Credential, credentialKey, decodeSlot, openSlot, slotMatches } from '../repo/key-slots.ts';
import { paperKeyLines } from '../repo/paper-key.ts';
import { type Repository, requireFull, slotPath } from '../repo/repository.ts';
import { findKey, isUsableFull, type KeyInfo, type KeyListing, listSlots, nameOf } from './keys/listing.ts';
import {
  type Access,
  fileSecret,
  type KeyWishes,
  type NewPassword,
  type PreparedKey,
  prepareSlot,
  publishSlot,
} from './keys/making.ts';
import { removeSlot } from './keys/removing.ts';

export type { Access, KeyInfo, KeyListing, KeyWishes, NewPassword, PreparedKey };
export { fileSecret };

/** Any role may look. */
export async function listKeys(repository: Repository): Promise<KeyListing> {
  return listSlots(repository);
}

/**
 * A new slot in memory. Write what `keyFile` or `secret` give to where they are to be kept, then {@link publishKey}:
 * in this order a crash leaves a key file without a slot, which opens the repository all the same, never a slot that
 * nobody can open.
 * @throws NeoError permission-denied without role full, or when the own key has expired; usage
 */
export async function prepareKey(repository: Repository, wishes: KeyWishes, access: Access): Promise<PreparedKey> {
  return prepareSlot(repository, wishes, access);
}

/** Puts the slot into the repository; durable when it resolves. */
export async function publishKey(repository: Repository, prepared: PreparedKey): Promise<void> {
  await publishSlot(repository, prepared);
}

/** The lines to print of a prepared key of method `recovery`. */
export function recoveryLines(repository: Repository, prepared: PreparedKey): string[] {
  if (prepared.secret === undefined) throw new NeoError('failed', 'a password cannot be printed');
  return paperKeyLines(repository.engine, prepared.secret);
}

export interface RemoveOptions {
  /** Remove even the slot that opened the repository. */
  readonly evenCurrent: boolean;
}

/**
 * Removes a slot named by label or by the start of its id. Copies of it that somebody kept still open what was written
 * under the present keys.
 * @throws NeoError permission-denied without role full; usage when it is not found; failed when no full key would be
 *   left, or when it is the one in use
 */
export async function removeKey(repository: Repository, name: string, options: RemoveOptions): Promise<KeyInfo> {
  requireFull(repository, 'remove keys');
  requireOneConfig(repository.chain);
  const { keys } = await listSlots(repository);
  const key = findKey(keys, name);
  const now = await repository.backend.now();
  const others = keys.filter(({ id }) => id !== key.id);
  if (!others.some((other) => isUsableFull(other, now))) {
    throw new NeoError(
      'failed',
      `${nameOf(key)} is the last key of role full: without it nobody could read the repository`,
      {
        hint: 'add another one first: neo key add',
      },
    );
  }
  if (key.current && !options.evenCurrent) {
    throw new NeoError('failed', `${nameOf(key)} is the key in use`, {
      hint: 'make sure that another one opens the repository, then say --yes',
    });
  }
  await removeSlot(repository, key.id);
  return key;
}

export interface ChangedPassword {
  readonly added: ClientId;
  readonly removed: KeyInfo;
}

/**
 * A new slot with the same label, role and expiry under a new password, durable before the old one goes.
 * @param name label or start of an id; undefined means the slot in use
 * @throws NeoError permission-denied, usage; failed when the slot is opened by no password
 */
export async function changePassword(
  repository: Repository,
  name: string | undefined,
  password: NewPassword,
): Promise<ChangedPassword> {
  requireFull(repository, 'change passwords');
  const key = await passwordKey(repository, name);
  const { label, role, expires } = key;
  const prepared = await prepareSlot(repository, { label, role, expires }, { method: 'password', password });
  await publishSlot(repository, prepared);
  await removeSlot(repository, key.id);
  return { added: prepared.id, removed: key };
}

/** The slot that {@link changePassword} would replace: ask before asking for a password. @throws NeoError */
export async function passwordKey(repository: Repository, name: string | undefined): Promise<KeyInfo> {
  requireFull(repository, 'change passwords');
  const { keys } = await listSlots(repository);
  const key = name === undefined ? keys.find(({ current }) => current) : findKey(keys, name);
  if (key === undefined) {
    throw new NeoError('failed', 'the key in use is not in the repository', {
      hint: 'name the one to change; see: neo key list',
    });
  }
  if (key.method === 'password') return key;
  throw new NeoError('failed', `${nameOf(key)} is opened by a ${key.method === 'key' ? 'key file' : 'recovery key'}`, {
    hint: 'add a password with `neo key add`, then remove this one',
  });
}

/**
 * The slot in use as a key file; whoever has it opens the repository as `credential` does.
 * @param carried the slot object, where it came with a key file
 * @throws NeoError wrong-password when the credential is not that of the slot in use
 */
export async function exportKeyFile(
  repository: Repository,
  credential: Credential,
  carried: Uint8Array | undefined,
  protect: NewPassword | undefined,
): Promise<Uint8Array> {
  const { engine, client } = repository;
  const bytes = (await repository.backend.get(slotPath(client))) ?? carried;
  if (bytes === undefined) throw new NeoError('failed', 'the slot in use is not in the repository');
  const slot = decodeSlot(client, bytes);
  const kek = await credentialKey(engine, credential, slot.kdf);
  if (kek === undefined || !slotMatches(engine, slot, kek)) {
    throw new NeoError('wrong-password', 'the slot in use was not opened by this');
  }
  const { role } = openSlot(engine, slot, kek).keys;
  const secret = await fileSecret(repository, kek, protect);
  return encodeKeyFile({ repository: repository.id, client, role, slot: bytes, secret });
}

/**
 * Puts the slot that a key file carries back into the repository.
 * @param repository opened by a key of role full: that of the file itself, or another
 * @param secret what opens the file's slot
 * @returns false when it is there already
 * @throws NeoError permission-denied without role full; integrity when another slot has its place; wrong-password when
 *   the file is of another repository or does not open its own slot
 */
export async function importKeyFile(repository: Repository, file: KeyFile, secret: Uint8Array): Promise<boolean> {
  requireFull(repository, 'put keys back');
  const { engine, backend } = repository;
  if (file.repository !== repository.id) {
    throw new NeoError('wrong-password', 'the key file is of another repository');
  }
  const slot = decodeSlot(file.client, file.slot);
  if (!slotMatches(engine, slot, secret))
    throw new NeoError('wrong-password', 'the key file does not open its own slot');
  const opened = openSlot(engine, slot, secret);
  if (opened.config0 !== repository.slot.config0) {
    throw new NeoError('integrity', 'the key file follows another first configuration');
  }
  const present = await backend.get(slotPath(file.client));
  if (present !== undefined && equalBytes(present, file.slot)) return false;
  if (present !== undefined) {
    throw new NeoError('integrity', `another object has the place of key slot ${file.client.slice(0, 8)}`);
  }
  await backend.put(slotPath(file.client), file.slot);
  return true;
}
