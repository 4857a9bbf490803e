/** What the certificates that neo makes have in common (X.509, RFC 5280): each is signed with its own key, and is no authority. */
import { createPublicKey, type KeyObject, randomBytes, sign, X509Certificate } from 'node:crypto';
import { AsnConvert, OctetString } from '@peculiar/asn1-schema';
import * as x509 from '@peculiar/asn1-x509';

/** Of clocks that are behind: certificates hold from a day before they are made. */
export const DAY = 24 * 3_600_000;
/** commonName (X.520). */
const COMMON_NAME = '2.5.4.3';

export interface SelfSigned {
  /** Object identifier of the signature. */
  readonly algorithm: string;
  /** What is signed is its hash by this; `null` for Ed25519, which hashes by itself. */
  readonly hash: 'sha256' | null;
  /** Common name of subject and issuer. */
  readonly name: string;
  /** Milliseconds since 1970; from 2050 on it is written as GeneralizedTime (section 4.1.2.5). */
  readonly notBefore: number;
  readonly notAfter: number;
  readonly extensions: readonly x509.Extension[];
}

/** PEM. The number is another one each time. */
export function makeSelfSigned(key: KeyObject, wanted: SelfSigned): string {
  const algorithm = new x509.AlgorithmIdentifier({ algorithm: wanted.algorithm });
  const name = new x509.Name([new x509.RelativeDistinguishedName([commonName(wanted.name)])]);
  const tbsCertificate = new x509.TBSCertificate({
    version: x509.Version.v3,
    serialNumber: serial(),
    signature: algorithm,
    issuer: name,
    subject: name,
    validity: new x509.Validity({ notBefore: new Date(wanted.notBefore), notAfter: new Date(wanted.notAfter) }),
    subjectPublicKeyInfo: AsnConvert.parse(spkiOf(key), x509.SubjectPublicKeyInfo),
    extensions: new x509.Extensions([
      extension(x509.id_ce_basicConstraints, new x509.BasicConstraints({ cA: false }), true),
      ...wanted.extensions,
    ]),
  });
  const signed = sign(wanted.hash, new Uint8Array(AsnConvert.serialize(tbsCertificate)), key);
  const certificate = new x509.Certificate({
    tbsCertificate,
    signatureAlgorithm: algorithm,
    signatureValue: new Uint8Array(signed).buffer,
  });
  return new X509Certificate(Buffer.from(AsnConvert.serialize(certificate))).toString();
}

function commonName(text: string): x509.AttributeTypeAndValue {
  const value = new x509.AttributeValue({ utf8String: text });
  return new x509.AttributeTypeAndValue({ type: COMMON_NAME, value });
}

/** 16 random bytes, as a positive number (section 4.1.2.2). */
function serial(): ArrayBuffer {
  const bytes = new Uint8Array(randomBytes(16));
  bytes[0] = ((bytes[0] ?? 0) & 0x7f) | 0x40;
  return bytes.buffer;
}

export function extension(extnID: string, value: unknown, critical = false): x509.Extension {
  return new x509.Extension({ extnID, critical, extnValue: new OctetString(AsnConvert.serialize(value)) });
}

/** DER, SubjectPublicKeyInfo of a private key (section 4.1.2.7). */
export function spkiOf(key: KeyObject): Uint8Array {
  return new Uint8Array(createPublicKey(key).export({ type: 'spki', format: 'der' }));
}

/** PKCS #8 (RFC 5958), not encrypted. */
export function pemOf(key: KeyObject): string {
  return key.export({ type: 'pkcs8', format: 'pem' }).toString();
}
