/** New key slots: prepared in memory, so that a key file can be safe on disk before the slot is in the repository. */
import { NeoError } from '../../core/errors.ts';
import { type ClientId, clientId } from '../../core/ids.ts';
import { type KdfParameters, makeKdf, type PasswordKdf } from '../../engine/kdf.ts';
import { issueCertificate, type Role, refuseExpired } from '../../repo/certificate.ts';
import { requireOneConfig } from '../../repo/config.ts';
import { type FileSecret, protectSecret, sealSecret } from '../../repo/file-secret.ts';
import { encodeKeyFile, type KeyFile } from '../../repo/key-file.ts';
import { credentialKey, encodeSlot, type SlotMethod } from '../../repo/key-slots.ts';
import { slotContents, writeSlotKeys } from '../../repo/keyring.ts';
import { newId, type Repository, requireFull, type Surroundings, slotPath } from '../../repo/repository.ts';
import type { SlotKeys } from '../../repo/slot-secret.ts';

export interface NewPassword {
  readonly password: Uint8Array;
  readonly kdf: PasswordKdf;
}

/** What opens the new slot. */
export type Access =
  | { readonly method: 'password'; readonly password: NewPassword }
  /** `protect`: the key file asks for a password of its own. */
  | { readonly method: 'key'; readonly protect?: NewPassword }
  /** Of no use to others: the key file is sealed to an X-Wing public key. */
  | { readonly method: 'key'; readonly recipient: Uint8Array }
  | { readonly method: 'recovery' };

export interface KeyWishes {
  readonly label: string;
  readonly role: Role;
  /** Milliseconds since 1970, 0 = never. */
  readonly expires: number;
}

/** A slot that is not in the repository yet. */
export interface PreparedKey {
  readonly id: ClientId;
  readonly slot: Uint8Array;
  /** 32 bytes that open it; absent for a password. */
  readonly secret?: Uint8Array;
  /** What to write for method `key`. */
  readonly keyFile?: Uint8Array;
}

const LONGEST_LABEL = 200;

/**
 * @throws NeoError permission-denied without role full, or when the own key has expired; usage for a label or a date
 *   that cannot be
 */
export async function prepareSlot(repository: Repository, wishes: KeyWishes, access: Access): Promise<PreparedKey> {
  const full = requireFull(repository, 'make keys');
  const created = await repository.backend.now();
  requireOneConfig(repository.chain);
  refuseExpired(repository.signer.certificate, created);
  checkWishes(wishes, created);
  const { engine, random } = repository;
  const id = clientId(newId(random));
  const secret = access.method === 'password' ? undefined : random.bytes(32);
  const kdf = access.method === 'password' ? await kdfOf(repository, access.password.kdf) : undefined;
  const kek =
    access.method === 'password'
      ? await credentialKey(engine, { type: 'password', password: access.password.password }, kdf)
      : secret;
  if (kek === undefined) throw new NeoError('failed', 'a password needs derivation parameters');
  const contents = slotContents(repository.keys.content);
  const keys: SlotKeys = wishes.role === 'full' ? { role: 'full', ...full, contents } : writeSlotKeys(repository.keys);
  const slot = encodeNew(repository, { id, created, wishes, method: access.method, keys, kek, kdf });
  if (access.method !== 'key' || secret === undefined) {
    return { id, slot, ...(secret === undefined ? {} : { secret }) };
  }
  const file: KeyFile = {
    repository: repository.id,
    client: id,
    role: wishes.role,
    slot,
    secret:
      'recipient' in access
        ? sealSecret(engine, random, secret, access.recipient)
        : await fileSecret(repository, secret, access.protect),
  };
  return { id, slot, secret, keyFile: encodeKeyFile(file) };
}

function checkWishes({ label, expires }: KeyWishes, now: number): void {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: a label stands on one line of a terminal
  if (label.length === 0 || label.length > LONGEST_LABEL || /[\u0000-\u001f\u007f]/.test(label)) {
    throw new NeoError('usage', `a label is one line of 1 to ${LONGEST_LABEL} characters`);
  }
  if (expires !== 0 && expires <= now) {
    throw new NeoError('usage', 'the key would have expired already', { hint: 'name a date in the future' });
  }
}

interface NewSlotFacts {
  readonly id: ClientId;
  readonly created: number;
  readonly wishes: KeyWishes;
  readonly method: SlotMethod;
  readonly keys: SlotKeys;
  readonly kek: Uint8Array;
  readonly kdf: KdfParameters | undefined;
}

/** A client of its own: new signing and sealing pairs, certified by the epoch in force. */
function encodeNew(repository: Repository, facts: NewSlotFacts): Uint8Array {
  const { engine, random } = repository;
  const { id, created, wishes, method, keys, kek, kdf } = facts;
  const { epoch } = repository.config;
  const issuer = requireFull(repository, 'make keys').epochs.find((pair) => pair.epoch === epoch);
  if (issuer === undefined) {
    throw new NeoError('permission-denied', `this key is older than the configuration in force (epoch ${epoch})`, {
      hint: 'use a key that was renewed since',
    });
  }
  const signSeed = random.bytes(32);
  const kemSeed = random.bytes(32);
  const kemPublic = engine.kemPublicKey(kemSeed);
  const certificate = issueCertificate(engine, repository.id, issuer.signSeed, {
    client: id,
    role: wishes.role,
    epoch,
    created,
    expires: wishes.expires,
    signPublic: engine.signPublicKey(signSeed),
    kemHash: engine.blake3(kemPublic),
  }).encoded;
  return encodeSlot(engine, random, {
    listing: { client: id, ...wishes, method, created, certificate, kemPublic },
    secret: {
      repository: repository.id,
      config0: repository.slot.config0,
      config: repository.configName,
      client: id,
      certificate,
      signSeed,
      kemSeed,
      keys,
    },
    indexKey: repository.keys.index,
    kek,
    kdf,
  });
}

export function kdfOf({ engine, clock, random }: Surroundings, kdf: PasswordKdf): Promise<KdfParameters> {
  return makeKdf(engine, clock, random, kdf);
}

/** A secret as it stands in a file. */
export async function fileSecret(
  surroundings: Surroundings,
  secret: Uint8Array,
  protect: NewPassword | undefined,
): Promise<FileSecret> {
  if (protect === undefined) return { type: 'open', secret };
  const { engine, random } = surroundings;
  return protectSecret(engine, random, secret, protect.password, await kdfOf(surroundings, protect.kdf));
}

/** Durable when it resolves. */
export async function publishSlot(repository: Repository, prepared: PreparedKey): Promise<void> {
  await repository.backend.put(slotPath(prepared.id), prepared.slot);
}
