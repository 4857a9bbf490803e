/** Which of its keys a server shows to whoever connects: another one each time, or the one that was asked for by name. */
import { createSecureContext, type SecureContext, type SecureContextOptions } from 'node:tls';
import { keyServerName } from '../protocol/server-keys.ts';

/** PEM. */
export interface PresentedKey {
  readonly key: string;
  readonly cert: string;
  readonly fingerprint: Uint8Array;
}

export class Presented {
  readonly #options: SecureContextOptions;
  #keys: readonly PresentedKey[] = [];
  #byName = new Map<string, SecureContext>();
  #turn = 0;

  constructor(options: SecureContextOptions) {
    this.#options = options;
  }

  set(keys: readonly PresentedKey[]): void {
    this.#keys = keys;
    this.#byName = new Map(
      keys.map(({ key, cert, fingerprint }) => [
        keyServerName(fingerprint),
        createSecureContext({ ...this.#options, key, cert }),
      ]),
    );
  }

  get areSeveral(): boolean {
    return this.#keys.length > 1;
  }

  next(): SecureContextOptions {
    this.#turn = (this.#turn + 1) % Math.max(1, this.#keys.length);
    const { key, cert } = this.#keys[this.#turn] ?? {};
    return { ...this.#options, ...(key === undefined ? {} : { key }), ...(cert === undefined ? {} : { cert }) };
  }

  /** Undefined: whose turn it is. */
  named(name: string): SecureContext | undefined {
    return this.#byName.get(name);
  }
}
