/** A device's key and certificate: what OpenSSL reads in it, and that mutual TLS shows the server the same key. */
import { execFileSync } from 'node:child_process';
import { generateKeyPairSync, X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import tls from 'node:tls';
import { describe, expect, it } from 'vitest';
import {
  deviceFingerprint,
  keyFingerprint,
  makeDeviceCertificate,
  makeDeviceKey,
} from '../../src/engine/device-certificate.ts';
import { makeServerCertificate, makeServerKey } from '../../src/engine/server-certificate.ts';
import { expectNeoError } from './support.ts';

const NOW = Date.UTC(2026, 10, 30, 12, 34, 56, 789);
const DAY = 24 * 3_600_000;

function spkiOf(certificate: X509Certificate): Uint8Array {
  return new Uint8Array(certificate.publicKey.export({ type: 'spki', format: 'der' }));
}

describe('the certificate of a device', () => {
  const key = makeDeviceKey();
  const cert = makeDeviceCertificate(key, NOW);
  const parsed = new X509Certificate(cert);

  it('is signed with its own key, for clients of TLS, and does not expire', () => {
    expect(parsed.verify(parsed.publicKey)).toBe(true);
    expect(parsed.checkIssued(parsed)).toBe(true);
    expect([parsed.subject, parsed.issuer]).toEqual(['CN=neo device', 'CN=neo device']);
    expect(parsed.ca).toBe(false);
    expect(parsed.keyUsage).toEqual(['1.3.6.1.5.5.7.3.2']);
    expect(parsed.validFromDate.getTime()).toBe(Math.floor((NOW - DAY) / 1000) * 1000);
    expect(parsed.validToDate.getTime()).toBe(Date.UTC(9999, 11, 31, 23, 59, 59));
  });

  it('has its times in the two forms of RFC 5280: UTCTime before 2050, GeneralizedTime from then on', () => {
    const text = parsed.raw.toString('latin1');
    expect(text).toContain('\x17\x0d261129123456Z\x18\x0f99991231235959Z');
    const late = new X509Certificate(makeDeviceCertificate(key, Date.UTC(2050, 0, 2)));
    expect(late.raw.toString('latin1')).toContain('\x18\x0f20500101000000Z\x18\x0f99991231235959Z');
  });

  it('is read by OpenSSL', () => {
    const text = execFileSync('openssl', ['x509', '-noout', '-text'], { input: cert }).toString();
    expect(text.match(/Signature Algorithm: ED25519/g)).toHaveLength(2);
    expect(text).toMatch(/Subject: CN ?= ?neo device/);
    expect(text).toContain('Not After : Dec 31 23:59:59 9999 GMT');
    expect(text).toContain('TLS Web Client Authentication');
    expect(text).toContain('CA:FALSE');
  });

  it('has another number each time, and the same fingerprint', () => {
    const again = new X509Certificate(makeDeviceCertificate(key, NOW));
    expect(again.serialNumber).not.toBe(parsed.serialNumber);
    expect(keyFingerprint(spkiOf(again))).toEqual(keyFingerprint(spkiOf(parsed)));
    expect(deviceFingerprint(key)).toEqual(keyFingerprint(spkiOf(parsed)));
    expect(deviceFingerprint(makeDeviceKey())).not.toEqual(deviceFingerprint(key));
  });

  it('has SHA-256 of its key as fingerprint', async () => {
    const expected = new Uint8Array(await crypto.subtle.digest('SHA-256', new Uint8Array(spkiOf(parsed))));
    expect(deviceFingerprint(key)).toEqual(expected);
  });

  it('lets in by mutual TLS 1.3, and the server sees the same fingerprint', async () => {
    const current = makeDeviceCertificate(key, Date.now());
    const own = makeServerCertificate(makeServerKey(), ['localhost'], Date.now());
    const server = tls.createServer({
      key: own.key,
      cert: own.cert,
      minVersion: 'TLSv1.3',
      requestCert: true,
      rejectUnauthorized: false,
    });
    await once(server.listen(0, '127.0.0.1'), 'listening');
    const { port } = server.address() as AddressInfo;
    const options = { host: '127.0.0.1', port, servername: 'localhost', ca: own.cert };
    for (const [identity, expected] of [
      [{ key, cert: current }, deviceFingerprint(key)],
      [{}, undefined],
    ] as const) {
      const accepted = once(server, 'secureConnection') as Promise<[tls.TLSSocket]>;
      const client = tls.connect({ ...options, ...identity });
      const [socket] = await accepted;
      const peer = socket.getPeerX509Certificate();
      expect(socket.getProtocol()).toBe('TLSv1.3');
      expect(peer && keyFingerprint(spkiOf(peer))).toEqual(expected);
      client.destroy();
      socket.destroy();
    }
    server.close();
  });

  it('is made with no other kind of key', () => {
    const pem = (pair: { privateKey: { export(options: { type: 'pkcs8'; format: 'pem' }): string | Buffer } }) =>
      pair.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
    for (const other of [
      makeServerKey(),
      pem(generateKeyPairSync('x25519')),
      pem(generateKeyPairSync('ed448')),
      parsed.publicKey.export({ type: 'spki', format: 'pem' }).toString(),
      cert,
      key.slice(0, 60),
      'rubbish',
      '',
    ]) {
      expectNeoError(() => makeDeviceCertificate(other, NOW), 'integrity');
      expectNeoError(() => deviceFingerprint(other), 'integrity');
    }
  });
});
