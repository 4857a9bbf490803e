/** Keys from passwords: parameters, their bounds, and their calibration (FORMAT: key slots). */
import type { Clock } from '../core/clock.ts';
import { NeoError } from '../core/errors.ts';
import type { Random } from '../core/random.ts';
import type { Argon2Parameters, Engine, ScryptParameters } from './engine.ts';

export interface Argon2Kdf extends Argon2Parameters {
  readonly name: 'argon2id';
  /** 16 random bytes; 8 to 64 are read. */
  readonly salt: Uint8Array;
}

export interface ScryptKdf extends ScryptParameters {
  readonly name: 'scrypt';
  readonly salt: Uint8Array;
}

/** What a key slot stores, in clear, before anything is authenticated: see {@link checkKdfBounds}. */
export type KdfParameters = Argon2Kdf | ScryptKdf;

/** How a new password becomes a key; without parameters Argon2id is calibrated to this machine. */
export type PasswordKdf =
  | { readonly name: 'argon2id'; readonly parameters?: Argon2Parameters }
  | { readonly name: 'scrypt'; readonly parameters?: ScryptParameters };

/** RFC 9106 §4, the second recommended option: 64 MiB, three passes, four lanes. Nothing weaker is written. */
export const DEFAULT_ARGON2: Argon2Parameters = { memory: 64 * 1024, passes: 3, lanes: 4 };

/** scrypt is written only on request, with these: the RFC 7914 §2 example for interactive use. */
export const DEFAULT_SCRYPT: ScryptParameters = { n: 16_384, r: 8, p: 1 };

const KEY_LENGTH = 32;
/** KiB: what calibration goes up to, so that a small machine can still open what a large one made. */
const CALIBRATED_MEMORY = 128 * 1024;
const CALIBRATED_PASSES = 10;
/** KiB: more is refused when read, because it comes from storage and would exhaust the machine. */
const MAX_MEMORY = 1024 * 1024;
const MAX_PASSES = 64;
const MAX_LANES = 64;
const MAX_N = 1 << 20;
const MAX_R = 32;
const MAX_P = 16;

/** Who asks for a derivation: what a refusal speaks of. */
export type KdfSource = 'key slot' | 'server';

function tooMuch(what: string, source: KdfSource): NeoError {
  return new NeoError('integrity', `${source} asks for ${what}: refused`, {
    hint: `the ${source} is damaged or was made to exhaust this machine`,
  });
}

function tooWeak(what: string, source: KdfSource): NeoError {
  if (source === 'server') {
    return new NeoError('integrity', `server asks for too weak a protection of the secret (${what}): refused`, {
      hint: 'with the answer the server could guess the secret cheaply: ask who runs it',
    });
  }
  return new NeoError('integrity', `key slot is protected too weakly (${what})`, {
    hint: 'if you made it so on purpose, allow weak key derivation explicitly',
  });
}

/** @throws what {@link tooMuch} makes */
type Within = (value: number, low: number, high: number, what: string) => void;

function within(source: KdfSource): Within {
  return (value, low, high, what) => {
    if (!Number.isSafeInteger(value) || value < low || value > high) throw tooMuch(`${what} ${value}`, source);
  };
}

function checkArgon2({ memory, passes, lanes }: Argon2Kdf, allowWeak: boolean, source: KdfSource): void {
  const inRange = within(source);
  inRange(passes, 1, MAX_PASSES, 'Argon2 passes');
  inRange(lanes, 1, MAX_LANES, 'Argon2 lanes');
  // RFC 9106 §3.1: at least 8 KiB a lane.
  inRange(memory, 8 * lanes, MAX_MEMORY, 'Argon2 memory in KiB');
  if (allowWeak) return;
  // The number of lanes neither helps nor hurts an attacker with the same memory and passes.
  const floor = DEFAULT_ARGON2;
  const strong = memory >= floor.memory && memory * passes >= floor.memory * floor.passes;
  if (!strong) throw tooWeak(`Argon2id with ${memory} KiB and ${passes} passes`, source);
}

function checkScrypt({ n, r, p }: ScryptKdf, allowWeak: boolean, source: KdfSource): void {
  const inRange = within(source);
  inRange(n, 2, MAX_N, 'scrypt N');
  if ((n & (n - 1)) !== 0) throw tooMuch(`scrypt N ${n}, not a power of two`, source);
  inRange(r, 1, MAX_R, 'scrypt r');
  inRange(p, 1, MAX_P, 'scrypt p');
  if (128 * r * n > MAX_MEMORY * 1024) throw tooMuch(`${(128 * r * n) >> 20} MiB for scrypt`, source);
  if (!allowWeak && n * r < DEFAULT_SCRYPT.n * DEFAULT_SCRYPT.r) throw tooWeak(`scrypt with N=${n}, r=${r}`, source);
}

export interface BoundsOptions {
  /** Accept what is weaker than the floor: the user said so. */
  readonly allowWeak?: boolean;
  /** For the words of the error. @default 'key slot' */
  readonly source?: KdfSource;
}

/**
 * Call it on everything that was read from storage, or that a server asks for, before deriving.
 * @throws NeoError integrity when the parameters would exhaust memory or time, or are weaker than the floor
 */
export function checkKdfBounds(parameters: KdfParameters, options: BoundsOptions = {}): void {
  const { allowWeak = false, source = 'key slot' } = options;
  within(source)(parameters.salt.length, 8, 64, 'salt length');
  if (parameters.name === 'argon2id') checkArgon2(parameters, allowWeak, source);
  else checkScrypt(parameters, allowWeak, source);
}

/** 32 bytes. Checks no floor: see {@link checkKdfBounds}. */
export async function derivePasswordKey(
  engine: Engine,
  password: Uint8Array,
  parameters: KdfParameters,
): Promise<Uint8Array> {
  checkKdfBounds(parameters, { allowWeak: true });
  return parameters.name === 'argon2id'
    ? engine.argon2id(password, parameters.salt, parameters, KEY_LENGTH)
    : engine.scrypt(password, parameters.salt, parameters, KEY_LENGTH);
}

/**
 * Argon2id parameters that take at most `targetMs` here, but never below {@link DEFAULT_ARGON2}: first more memory up to
 * 128 MiB, then more passes up to ten.
 */
export async function calibrate(engine: Engine, clock: Clock, targetMs = 250): Promise<Argon2Parameters> {
  // The first run pays for the first use of the library by the process.
  await timed(engine, clock, { ...DEFAULT_ARGON2, passes: 1 });
  const proposed = scaled(DEFAULT_ARGON2, targetMs / (await timed(engine, clock, DEFAULT_ARGON2)));
  if (proposed === DEFAULT_ARGON2) return proposed;
  // More memory fits the caches worse: what was extrapolated is tried, too.
  const factor = targetMs / (await timed(engine, clock, proposed));
  // A clock is not exact to the last digit.
  return factor < 0.99 ? scaled(proposed, factor) : proposed;
}

/** Milliseconds, at least one. */
async function timed(engine: Engine, clock: Clock, parameters: Argon2Parameters): Promise<number> {
  const probe = new Uint8Array(16);
  const start = clock.monotonic();
  await engine.argon2id(probe, probe, parameters, KEY_LENGTH);
  return Math.max(1, clock.monotonic() - start);
}

/** For `factor` times the work of `from`. */
function scaled(from: Argon2Parameters, factor: number): Argon2Parameters {
  const floor = DEFAULT_ARGON2;
  const work = from.memory * from.passes * factor;
  if (work <= floor.memory * floor.passes) return floor;
  const mebibytes = Math.floor(work / floor.passes / 1024);
  const memory = Math.min(CALIBRATED_MEMORY, mebibytes * 1024);
  const passes = Math.min(CALIBRATED_PASSES, Math.max(floor.passes, Math.floor(work / memory)));
  return { memory, passes, lanes: floor.lanes };
}

/** What is written for a new password, with a salt of its own. */
export async function makeKdf(engine: Engine, clock: Clock, random: Random, kdf: PasswordKdf): Promise<KdfParameters> {
  const salt = random.bytes(16);
  if (kdf.name === 'scrypt') return { name: 'scrypt', ...(kdf.parameters ?? DEFAULT_SCRYPT), salt };
  return { name: 'argon2id', ...(kdf.parameters ?? (await calibrate(engine, clock))), salt };
}
