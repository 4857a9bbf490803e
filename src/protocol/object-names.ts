/** What the path of an object says of its bytes (docs/format.md, "Objects"). */

const LAST_PART = /(?:^|[/-])([0-9a-f]{64})$/;

/**
 * The BLAKE3-256 in hex that the object's bytes must have: where a path ends in such a name, perhaps after a number and a dash.
 * Undefined for objects that are named otherwise (slots of keys, sessions, shares).
 */
export function promisedHash(path: string): string | undefined {
  return LAST_PART.exec(path)?.[1];
}
