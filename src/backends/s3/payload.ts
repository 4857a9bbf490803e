/** SHA-256 of what is sent, in hex: "Signature Version 4", Amazon S3 API Reference. */
import { setImmediate } from 'node:timers/promises';
import { toHex } from '../../core/bytes.ts';
import { Sha256 } from '../../engine/sha256.ts';

/** About half a millisecond's work: other requests go on meanwhile. */
const PART = 1 << 20;

export async function hashOf(bytes: Uint8Array): Promise<string> {
  const hash = new Sha256();
  for (let at = 0; at < bytes.length; at += PART) {
    if (at > 0) await setImmediate();
    hash.update(bytes.subarray(at, at + PART));
  }
  return toHex(await hash.digest());
}
