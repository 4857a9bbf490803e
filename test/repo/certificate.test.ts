/** Certificates: who may issue them, that no byte can change, and what expiry forbids. */
import { describe, expect, it } from 'vitest';
import { clientId, repositoryId } from '../../src/core/ids.ts';
import {
  type Certificate,
  certificateIsValid,
  decodeCertificate,
  issueCertificate,
  refuseExpired,
} from '../../src/repo/certificate.ts';
import { inHex } from '../support/in-hex.ts';
import { testEngine as engine } from '../support/temp-repository.ts';

const repository = repositoryId('12'.repeat(16));
const seed = new Uint8Array(32).fill(1);
const issuer = engine.signPublicKey(seed);
const fields: Omit<Certificate, 'encoded'> = {
  client: clientId('34'.repeat(16)),
  role: 'write',
  epoch: 3,
  created: 1_700_000_000_000,
  expires: 1_800_000_000_000,
  signPublic: engine.signPublicKey(new Uint8Array(32).fill(2)),
  kemHash: new Uint8Array(32).fill(3),
};
const issued = issueCertificate(engine, repository, seed, fields);

describe('a certificate', () => {
  it('comes back, and is valid for its repository and issuer alone', () => {
    const read = decodeCertificate(issued.encoded);
    expect(inHex(read)).toEqual(inHex(issued));
    expect(certificateIsValid(engine, repository, read, issuer)).toBe(true);
    expect(certificateIsValid(engine, repositoryId('13'.repeat(16)), read, issuer)).toBe(false);
    expect(certificateIsValid(engine, repository, read, fields.signPublic)).toBe(false);
    expect(certificateIsValid(engine, repository, read, undefined)).toBe(false);
  });

  it('is refused with any bit changed, or a byte more or less', () => {
    const valid = (bytes: Uint8Array): boolean => {
      try {
        return certificateIsValid(engine, repository, decodeCertificate(bytes), issuer);
      } catch {
        return false;
      }
    };
    expect(valid(issued.encoded)).toBe(true);
    for (let bit = 0; bit < issued.encoded.length * 8; bit++) {
      const bytes = issued.encoded.slice();
      bytes[bit >> 3] = (bytes[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      expect(valid(bytes), `bit ${bit}`).toBe(false);
    }
    expect(valid(issued.encoded.subarray(0, -1))).toBe(false);
    expect(valid(Buffer.concat([issued.encoded, Uint8Array.of(0)]))).toBe(false);
  });

  it('that has expired makes no new objects', () => {
    expect(() => refuseExpired(issued, fields.expires - 1)).not.toThrow();
    expect(() => refuseExpired(issued, fields.expires)).toThrow(expect.objectContaining({ exitCode: 13 }));
    expect(() => refuseExpired({ ...issued, expires: 0 }, Number.MAX_SAFE_INTEGER)).not.toThrow();
  });
});
