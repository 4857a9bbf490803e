/**
 * Certificates of servers (X.509, RFC 5280): one that a server makes for itself, and what is looked at in one that it is given. Clients
 * know a server by its key (SHA-256 of the SubjectPublicKeyInfo, as in RFC 7469), so a new certificate of the same key is the same server.
 */
import { createHash, createPrivateKey, generateKeyPairSync, type KeyObject, X509Certificate } from 'node:crypto';
import { isIP } from 'node:net';
import * as x509 from '@peculiar/asn1-x509';
import { messageOf, NeoError } from '../core/errors.ts';
import { DAY, extension, makeSelfSigned, pemOf, spkiOf } from './x509.ts';

export interface ServerCertificate {
  /** PEM, not encrypted. */
  readonly key: string;
  /** PEM, the server's own first. */
  readonly cert: string;
  /** Of the key: 32 bytes. */
  readonly fingerprint: Uint8Array;
  /** Until when it holds, milliseconds since 1970. */
  readonly until: number;
  /** Host names and addresses, sorted. */
  readonly names: readonly string[];
}

/** Browsers take no longer ones. */
const VALID_DAYS = 397;
const CURVE = 'prime256v1';
/** ecdsa-with-SHA256 (RFC 5758). */
const ECDSA_SHA256 = '1.2.840.10045.4.3.2';

/** P-256, for browsers take no Ed25519 in certificates. PEM. */
export function makeServerKey(): string {
  return pemOf(generateKeyPairSync('ec', { namedCurve: CURVE }).privateKey);
}

/**
 * Signed by itself.
 * @param key PEM, P-256
 * @param names of hosts, or addresses; at least one
 * @param now milliseconds since 1970
 * @throws NeoError integrity for another kind of key
 */
export function makeServerCertificate(key: string, names: readonly string[], now: number): ServerCertificate {
  const secret = readKey(key, undefined);
  if (secret.asymmetricKeyDetails?.namedCurve !== CURVE) throw new NeoError('integrity', `not a key of ${CURVE}`);
  const cert = makeSelfSigned(secret, {
    algorithm: ECDSA_SHA256,
    hash: 'sha256',
    name: 'neo',
    notBefore: now - DAY,
    notAfter: now + VALID_DAYS * DAY,
    extensions: [
      extension(x509.id_ce_extKeyUsage, new x509.ExtendedKeyUsage([x509.id_kp_serverAuth])),
      extension(x509.id_ce_subjectAltName, new x509.SubjectAlternativeName(certificateNames(names).map(generalName))),
    ],
  });
  return readServerCertificate(key, cert);
}

function generalName(name: string): x509.GeneralName {
  return new x509.GeneralName(isIP(name) === 0 ? { dNSName: name } : { iPAddress: name });
}

/**
 * What a server is given, or has made before.
 * @param passphrase of the key, where it is encrypted
 * @throws NeoError wrong-password; integrity for what is no key, no certificate, or no pair
 */
export function readServerCertificate(key: string, cert: string, passphrase?: string): ServerCertificate {
  const secret = readKey(key, passphrase);
  const certificate = readCertificate(cert);
  if (!certificate.checkPrivateKey(secret)) {
    throw new NeoError('integrity', 'the certificate is not one of this key');
  }
  return {
    key: pemOf(secret),
    cert,
    fingerprint: new Uint8Array(createHash('sha256').update(spkiOf(secret)).digest()),
    until: certificate.validToDate.getTime(),
    names: namesOf(certificate),
  };
}

function readKey(key: string, passphrase: string | undefined): KeyObject {
  try {
    return createPrivateKey({ key, ...(passphrase === undefined ? {} : { passphrase }) });
  } catch (cause) {
    if (/^(-+BEGIN ENCRYPTED |Proc-Type: 4,ENCRYPTED)/m.test(key)) {
      const isGiven = passphrase !== undefined;
      const text = isGiven
        ? 'the passphrase does not open the key'
        : 'the key is encrypted, and no passphrase is given';
      throw new NeoError('wrong-password', text, { cause });
    }
    throw new NeoError('integrity', `not a private key in PEM: ${messageOf(cause)}`, { cause });
  }
}

function readCertificate(cert: string): X509Certificate {
  try {
    return new X509Certificate(cert);
  } catch (cause) {
    throw new NeoError('integrity', `not a certificate in PEM: ${messageOf(cause)}`, { cause });
  }
}

function namesOf({ subjectAltName }: X509Certificate): readonly string[] {
  const entries = (subjectAltName ?? '').split(', ').map((entry) => /^(?:DNS|IP Address):(.+)$/.exec(entry)?.[1] ?? '');
  return certificateNames(entries.filter((name) => name !== ''));
}

/** As they are compared: each once, sorted, small letters, addresses in their short form (RFC 5952). */
export function certificateNames(names: readonly string[]): readonly string[] {
  const short = names.map((name) => (isIP(name) === 6 ? new URL(`http://[${name}]`).hostname.slice(1, -1) : name));
  return [...new Set(short.map((name) => name.toLowerCase()))].sort();
}
