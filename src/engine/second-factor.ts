/**
 * The second factor of a login: codes by time (TOTP, RFC 6238: SHA-1, six digits, 30 seconds, what every app can do), recovery codes for
 * when the app is lost, and the codes by which devices are invited.
 */
import { HOTP, Secret, TOTP } from 'otpauth';
import { copyOf, utf8 } from '../core/bytes.ts';
import { NeoError } from '../core/errors.ts';
import type { Random } from '../core/random.ts';
import { equalSecret } from './verifier.ts';

/** As long as the hash (RFC 4226, section 4, R6). */
const SECRET_LENGTH = 20;
/** What the same section asks for; an empty secret would let everybody in. */
const MIN_SECRET_LENGTH = 16;
const ALGORITHM = 'SHA1';
const DIGITS = 6;
/** Seconds. */
const PERIOD = 30;
/** Steps before and after, for clocks that differ and people who type slowly (RFC 6238, section 5.2). */
const WINDOW = 1;

/** Douglas Crockford's base32, in small letters: no i, l, o, u. */
const ALPHABET = '0123456789abcdefghjkmnpqrstvwxyz';
const GROUP = 5;
/** 75 bits. */
const RECOVERY_GROUPS = 3;
const RECOVERY_CODES = 10;
/** 100 bits. */
const CODE_GROUPS = 4;

/** 20 random bytes in base32 (RFC 4648, section 6): 32 characters. */
export function makeSecondFactor(random: Random): string {
  return new Secret({ buffer: copyOf(random.bytes(SECRET_LENGTH)).buffer }).base32;
}

/**
 * `otpauth://totp/ISSUER:ACCOUNT?issuer=…&secret=…`: what apps read, mostly as a QR code.
 * @param issuer of the server, as the app shows it; neither it nor the account may have a colon
 * @throws NeoError integrity for a secret that is not one
 */
export function secondFactorUri(secret: string, account: string, issuer: string): string {
  const shared = { algorithm: ALGORITHM, digits: DIGITS, period: PERIOD };
  return new TOTP({ ...shared, issuer, label: account, secret: readSecret(secret) }).toString();
}

/**
 * The time step that a code is of, to be kept as the next `lastStep`; undefined where it is not good. Good are the codes of the present
 * step, of the one before and of the one after, and only of steps after `lastStep`: each is good once (RFC 6238, section 5.2).
 * @param code as typed: six digits, spaces do not matter
 * @param now milliseconds since 1970
 * @param lastStep the last one that was used; -1 for none
 * @throws NeoError integrity for a secret that is not one; never because of the code
 */
export function checkSecondFactor(secret: string, code: string, now: number, lastStep: number): number | undefined {
  const key = readSecret(secret);
  const typed = code.replaceAll(/\s/g, '');
  if (!/^[0-9]{6}$/.test(typed)) return undefined;
  const present = TOTP.counter({ period: PERIOD, timestamp: now });
  let found: number | undefined;
  // All are compared, whichever fits; if by chance two do, the later one counts, so that the code is used up.
  for (let step = present - WINDOW; step <= present + WINDOW; step++) {
    const isRight = equalSecret(utf8(typed), utf8(codeOf(key, step)));
    if (isRight && step > lastStep) found = step;
  }
  return found;
}

/** RFC 6238, section 4.2: HOTP (RFC 4226) with the step as its counter. */
function codeOf(secret: Secret, step: number): string {
  return HOTP.generate({ algorithm: ALGORITHM, digits: DIGITS, secret, counter: step });
}

function readSecret(text: string): Secret {
  const secret = parseSecret(text);
  if (secret === undefined || secret.bytes.length < MIN_SECRET_LENGTH) {
    throw new NeoError('integrity', 'the secret of a second factor is not 16 bytes or more in base32');
  }
  return secret;
}

function parseSecret(text: string): Secret | undefined {
  try {
    return Secret.fromBase32(text);
  } catch {
    // Its error quotes the secret.
    return undefined;
  }
}

/** Ten, each of 75 random bits: `xxxxx-xxxxx-xxxxx`. */
export function makeRecoveryCodes(random: Random): string[] {
  return Array.from({ length: RECOVERY_CODES }, () => makeGroups(random, RECOVERY_GROUPS));
}

/** For an invitation, of 100 random bits: `xxxxx-xxxxx-xxxxx-xxxxx`. */
export function makeCode(random: Random): string {
  return makeGroups(random, CODE_GROUPS);
}

/** Five of the eight bits of each byte: every character is as likely as any other. */
function makeGroups(random: Random, groups: number): string {
  const group = () => Array.from(random.bytes(GROUP), (byte) => ALPHABET[byte & 31] ?? '').join('');
  return Array.from({ length: groups }, group).join('-');
}

/**
 * Of a recovery code or an invitation as it was typed: what is hashed. Small letters without dashes and spaces; what the alphabet leaves
 * out is read as what it looks like. What is no code becomes none, and is no error.
 */
export function normalizeCode(text: string): string {
  return text.toLowerCase().replaceAll(/[-\s]/g, '').replaceAll('o', '0').replaceAll(/[il]/g, '1');
}
