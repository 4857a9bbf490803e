/**
 * The secret of an account, on the client's side: stretched once, and then two keys of it. One lets in and goes to the server, which
 * keeps a hash of it (verifier.ts); the other opens the key file and never leaves the machine. From neither can the other be had.
 */
import type { Argon2Parameters, Engine } from './engine.ts';
import { type Argon2Kdf, checkKdfBounds, derivePasswordKey } from './kdf.ts';
import { deriveKey } from './keys.ts';

/** Of the fingerprint: no other key can be found that begins alike. */
const SERVER_BYTES = 16;

/** What the server answers to the name of an account; `salt`: 8 to 64 bytes. */
export interface LoginParameters extends Argon2Parameters {
  readonly salt: Uint8Array;
}

export interface LoginKeys {
  /** 32 bytes, for the server. */
  readonly proof: Uint8Array;
  /** 32 bytes, never for the server. */
  readonly sealingKey: Uint8Array;
}

/**
 * Root = Argon2id(secret, salt, parameters), 32 bytes, forgotten at the end; of it the keys "account login" and "account key file" (keys.ts).
 * @param secret as UTF-8; the caller wipes it
 * @param server SHA-256 of the key of the server that is to see the proof, as the handshake has shown it: one server that passes on what
 * another one asks, and hands it the proof, would else get in there
 * @throws NeoError integrity, before anything is derived, for parameters below 64 MiB times three passes, of which a hostile server
 * would get a proof that is cheap to guess the secret from, and for more than 1 GiB, 64 passes or 64 lanes
 */
export async function deriveLogin(
  engine: Engine,
  secret: Uint8Array,
  kdf: LoginParameters,
  server: Uint8Array,
): Promise<LoginKeys> {
  const { salt, memory, passes, lanes } = kdf;
  const parameters: Argon2Kdf = { name: 'argon2id', salt, memory, passes, lanes };
  checkKdfBounds(parameters, { source: 'server' });
  const root = await derivePasswordKey(engine, secret, parameters);
  try {
    return {
      proof: deriveKey(engine, root, 'account login', server.subarray(0, SERVER_BYTES)),
      sealingKey: deriveKey(engine, root, 'account key file'),
    };
  } finally {
    root.fill(0);
  }
}
