import { execFileSync } from 'node:child_process';
import { generateKeyPairSync, X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import tls from 'node:tls';
import { describe, expect, it } from 'vitest';
import {
  certificateNames,
  makeServerCertificate,
  makeServerKey,
  readServerCertificate,
} from '../../src/engine/server-certificate.ts';

const NOW = Date.UTC(2026, 10, 30);
const DAY = 24 * 3_600_000;

describe('a certificate that a server makes for itself', () => {
  const key = makeServerKey();
  const { cert, fingerprint, until, names } = makeServerCertificate(
    key,
    ['nas.example.org', 'localhost', '127.0.0.1', '::1', 'Localhost'],
    NOW,
  );
  const parsed = new X509Certificate(cert);

  it('is signed with its own key, and holds for as long as browsers take', () => {
    expect(parsed.verify(parsed.publicKey)).toBe(true);
    expect(parsed.checkIssued(parsed)).toBe(true);
    expect([parsed.validFromDate.getTime(), until]).toEqual([NOW - DAY, NOW + 397 * DAY]);
    expect(parsed.ca).toBe(false);
    expect(parsed.keyUsage).toEqual(['1.3.6.1.5.5.7.3.1']);
  });

  it('is of its names and addresses, and of no others', () => {
    expect(names).toEqual(['127.0.0.1', '::1', 'localhost', 'nas.example.org']);
    expect(parsed.checkHost('nas.example.org')).toBeDefined();
    expect(parsed.checkIP('::1')).toBeDefined();
    expect(parsed.checkHost('example.org')).toBeUndefined();
    expect(parsed.checkIP('127.0.0.2')).toBeUndefined();
  });

  it('has another number each time, and the fingerprint of the key', async () => {
    const again = makeServerCertificate(key, ['localhost'], NOW);
    expect(new X509Certificate(again.cert).serialNumber).not.toBe(parsed.serialNumber);
    expect(again.fingerprint).toEqual(fingerprint);
    const spki = new Uint8Array(parsed.publicKey.export({ type: 'spki', format: 'der' }));
    expect(fingerprint).toEqual(new Uint8Array(await crypto.subtle.digest('SHA-256', spki)));
    expect(makeServerCertificate(makeServerKey(), ['localhost'], NOW).fingerprint).not.toEqual(fingerprint);
  });

  it('is taken by TLS 1.3 and by OpenSSL', async () => {
    const current = makeServerCertificate(key, ['localhost', '127.0.0.1'], Date.now());
    const server = tls.createServer({ key, cert: current.cert, minVersion: 'TLSv1.3' }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const socket = tls.connect({ host: '127.0.0.1', port, servername: 'localhost', ca: current.cert });
    await once(socket, 'secureConnect');
    expect([socket.authorized, socket.getProtocol()]).toEqual([true, 'TLSv1.3']);
    socket.destroy();
    server.close();
    const text = execFileSync('openssl', ['x509', '-noout', '-text'], { input: current.cert }).toString();
    expect(text).toContain('Signature Algorithm: ecdsa-with-SHA256');
    expect(text).toContain('DNS:localhost');
  });

  it('is made with no other kind of key', () => {
    for (const other of [
      generateKeyPairSync('rsa', { modulusLength: 2048 }),
      generateKeyPairSync('ed25519'),
      generateKeyPairSync('ec', { namedCurve: 'secp384r1' }),
    ]) {
      const pem = other.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
      expect(() => makeServerCertificate(pem, ['localhost'], NOW)).toThrow('not a key of');
    }
  });
});

describe('a certificate that a server is given', () => {
  /** As an operator has it from elsewhere. */
  function given(kind: readonly string[]): { key: string; cert: string } {
    const out = execFileSync(
      'openssl',
      [
        'req',
        '-x509',
        ...kind,
        '-days',
        '2',
        '-subj',
        '/CN=x',
        '-addext',
        'subjectAltName=DNS:x.example.org',
        '-keyout',
        '-',
      ],
      { stdio: ['ignore', 'pipe', 'ignore'] },
    ).toString();
    const [key = '', cert = ''] = [
      /-+BEGIN [A-Z ]*PRIVATE KEY[\s\S]*PRIVATE KEY-+/,
      /-+BEGIN CERT[\s\S]*CERTIFICATE-+/,
    ].map((pattern) => pattern.exec(out)?.[0]);
    return { key, cert };
  }

  it.each([
    ['RSA', ['-newkey', 'rsa:2048', '-nodes']],
    ['P-384', ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-384', '-nodes']],
    ['Ed25519', ['-newkey', 'ed25519', '-nodes']],
  ])('may have a key of %s', (_, kind) => {
    const { key, cert } = given(kind);
    const read = readServerCertificate(key, cert);
    expect(read.names).toEqual(['x.example.org']);
    expect(read.until).toBeGreaterThan(Date.now() + DAY);
  });

  it('may have a key that is encrypted', () => {
    const { key, cert } = given(['-newkey', 'rsa:2048', '-passout', 'pass:open sesame']);
    expect(key).toContain('ENCRYPTED');
    expect(readServerCertificate(key, cert, 'open sesame').key).not.toContain('ENCRYPTED');
    expect(() => readServerCertificate(key, cert)).toThrow(expect.objectContaining({ code: 'wrong-password' }));
    expect(() => readServerCertificate(key, cert, 'wrong')).toThrow(
      expect.objectContaining({ code: 'wrong-password' }),
    );
  });

  it('is refused where something is wrong with it', () => {
    const key = makeServerKey();
    const { cert } = makeServerCertificate(key, ['x'], NOW);
    for (const [otherKey, otherCert] of [
      [makeServerKey(), cert],
      ['', cert],
      ['rubbish', cert],
      [cert, cert],
      [key, ''],
      [key, 'rubbish'],
      [key, cert.replace('MII', 'MIJ')],
    ] as const) {
      expect(() => readServerCertificate(otherKey, otherCert)).toThrow(expect.objectContaining({ code: 'integrity' }));
    }
  });
});

it('compares names in one form', () => {
  expect(certificateNames(['B', 'a', '0:0:0:0:0:0:0:1', '::1', 'b', 'FE80::0:1'])).toEqual([
    '::1',
    'a',
    'b',
    'fe80::1',
  ]);
});
