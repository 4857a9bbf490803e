/** A certificate of 127.0.0.1 that nobody has signed but itself. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface Certificate {
  readonly key: Buffer;
  readonly cert: Buffer;
  /** Where the latter lies. */
  readonly path: string;
}

export function makeCertificate(): Certificate {
  const folder = mkdtempSync(join(tmpdir(), 'neo-certificate-'));
  const [key, path] = [join(folder, 'key'), join(folder, 'cert')];
  const kind = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2'];
  const of = ['-subj', '/CN=127.0.0.1', '-addext', 'subjectAltName=IP:127.0.0.1'];
  execFileSync('openssl', ['req', '-x509', ...kind, ...of, '-keyout', key, '-out', path], { stdio: 'ignore' });
  return { key: readFileSync(key), cert: readFileSync(path), path };
}
