/** What one server signs of the ledger of another. */
import { concatBytes, fromHex, toHex, utf8 } from '../core/bytes.ts';
import { canonicalJson } from '../core/json.ts';
import { hexName, integer, moment, z } from '../core/schema.ts';
import type { Engine } from '../engine/engine.ts';

/** Of a server: a UUID. */
export const site: z.ZodMiniString = z.string().check(z.regex(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/));

/** Of a head that was seen to continue all that were signed before. */
export const witnessSchema = z.strictObject({
  v: z.literal(1),
  /** Whose ledger it is. */
  site,
  size: integer(0),
  root: hexName,
  /** Of the server that signs, by its clock. */
  time: moment,
  witness: site,
  /** Public, of the ledger of the server that signs. */
  key: hexName,
  signature: z.string().check(z.regex(/^[0-9a-f]{128}$/)),
});
export type Witness = z.infer<typeof witnessSchema>;

const WITNESS = utf8('neo/v1 ledger witness\0');

type Signed = Omit<Witness, 'signature'>;

/** @param seed of the ledger of the server that signs */
export function signWitness(engine: Engine, seed: Uint8Array, said: Signed): Witness {
  return { ...said, signature: toHex(engine.sign(seed, concatBytes(WITNESS, canonicalJson(said)))) };
}

export function isWitness(engine: Engine, { signature, ...said }: Witness): boolean {
  return engine.verify(fromHex(said.key), concatBytes(WITNESS, canonicalJson(said)), fromHex(signature));
}
