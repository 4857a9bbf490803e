/**
 * Whether a replica has what it says: of some objects it is asked for the hash of a random number and of all their bytes, which nobody can tell who does not have
 * them. One that finds its own bytes damaged by that sets them aside, and is sent the object again.
 */
import { toHex } from '../../core/bytes.ts';
import { NeoError } from '../../core/errors.ts';
import type { Random } from '../../core/random.ts';
import type { Engine } from '../../engine/engine.ts';
import { promisedHash } from '../../protocol/object-names.ts';
import type { Held } from '../../protocol/object-tree.ts';
import type { CountedTarget } from '../quota.ts';

/** Of each target, and of one comparison: what is read for it is read at both ends. */
const MOST_OF_TARGET = 4;
/** Larger ones would take too long. */
const MOST_BYTES = 64 << 20;
const PIECE = 1 << 20;

type Hashing = Pick<Engine, 'blake3Hasher'>;

/** As `replica-prove` answers. */
export type AskProofs = (nonce: string, paths: readonly string[]) => Promise<readonly (string | null)[]>;

export interface Proved {
  /** The replica does not have them after all. */
  readonly lacking: readonly Held[];
  /** It says that it has them, and cannot prove it. */
  readonly unproved: readonly string[];
}

/** @param held what both ends know to be there */
export async function challenge(
  { engine, random }: { readonly engine: Hashing; readonly random: Random },
  storage: Pick<CountedTarget, 'openObject'>,
  held: readonly Held[],
  ask: AskProofs,
): Promise<Proved> {
  const chosen = pick(random, held);
  if (chosen.length === 0) return { lacking: [], unproved: [] };
  const nonce = random.bytes(32);
  const answers = await ask(
    toHex(nonce),
    chosen.map(({ path }) => path),
  );
  if (answers.length !== chosen.length)
    throw new NeoError('failed', 'the replica does not prove what it was asked for');
  const lacking: Held[] = [];
  const unproved: string[] = [];
  for (const [n, one] of chosen.entries()) {
    const own = await hashes(engine, storage, one.path, nonce);
    // What is damaged or gone here proves nothing of what is there.
    if (own === undefined || own.name !== promisedHash(one.path)) continue;
    if (answers[n] === null) lacking.push(one);
    else if (answers[n] !== own.proof) unproved.push(one.path);
  }
  return { lacking, unproved };
}

function pick(random: Random, held: readonly Held[]): Held[] {
  const left = held.filter(({ path, size, turns }) => turns % 2 === 1 && size <= MOST_BYTES && isNamed(path));
  const chosen: Held[] = [];
  while (chosen.length < MOST_OF_TARGET && left.length > 0) {
    const at = Buffer.from(random.bytes(4)).readUInt32LE() % left.length;
    chosen.push(...left.splice(at, 1));
  }
  return chosen;
}

function isNamed(path: string): boolean {
  return promisedHash(path) !== undefined;
}

/** The proof of one; null: it is not there, or not whole any more, which `damaged` is told then. */
export async function prove(
  engine: Hashing,
  storage: Pick<CountedTarget, 'openObject'>,
  path: string,
  nonce: Uint8Array,
  damaged: () => Promise<void>,
): Promise<string | null> {
  const first = await hashes(engine, storage, path, nonce);
  if (first === undefined) return null;
  const promised = promisedHash(path);
  if (first.name === promised) return first.proof;
  // Whoever reads wrongly once may read rightly the next time.
  const again = await hashes(engine, storage, path, nonce);
  if (again === undefined || again.name === promised) return again?.proof ?? null;
  if (promised !== undefined) await damaged();
  return null;
}

async function hashes(engine: Hashing, storage: Pick<CountedTarget, 'openObject'>, path: string, nonce: Uint8Array) {
  const object = await storage.openObject(path);
  if (object === undefined) return undefined;
  try {
    const [name, proof] = [engine.blake3Hasher(), engine.blake3Hasher()];
    proof.update(nonce);
    for (let at = 0; at < object.size; at += PIECE) {
      const piece = new Uint8Array(Math.min(PIECE, object.size - at));
      await object.readInto(at, piece);
      name.update(piece);
      proof.update(piece);
    }
    return { name: toHex(name.digest()), proof: toHex(proof.digest()) };
  } finally {
    await object.close();
  }
}
