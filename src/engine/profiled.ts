/** The same engine, with an eye on the clock: what hashing, compressing and encrypting take. */
import type { StageClock } from '../core/stages.ts';
import type { Engine } from './engine.ts';

export function profiledEngine(engine: Engine, clock: StageClock): Engine {
  return {
    ...engine,
    blake3: (bytes, key) => clock.time('hash', bytes.length, () => engine.blake3(bytes, key)),
    blake3Derive: (context, material) =>
      clock.time('hash', material.length, () => engine.blake3Derive(context, material)),
    blake3Hasher(key) {
      const hasher = engine.blake3Hasher(key);
      return {
        update: (bytes) => clock.time('hash', bytes.length, () => hasher.update(bytes)),
        soFar: () => clock.time('hash', 0, () => hasher.soFar()),
        digest: () => clock.time('hash', 0, () => hasher.digest()),
      };
    },
    compress: (bytes, level) => clock.time('compress', bytes.length, () => engine.compress(bytes, level)),
    seal: (suite, key, nonce, plaintext, aad) =>
      clock.time('encrypt', plaintext.length, () => engine.seal(suite, key, nonce, plaintext, aad)),
    sealInto: (suite, key, nonce, parts, aad, out, at) =>
      clock.time(
        'encrypt',
        parts.reduce((sum, part) => sum + part.length, 0),
        () => engine.sealInto(suite, key, nonce, parts, aad, out, at),
      ),
  };
}
