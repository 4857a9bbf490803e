/** Where the decoder lies, and whether this machine can run it. */
import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

/** Debian's Python: its packages are not seen by others that may come first in the PATH. */
export const PYTHON = '/usr/bin/python3';
export const decoderFolder = fileURLToPath(new URL('../../docs/decoder/', import.meta.url));

/**
 * True if this machine has what the decoder and its tests need. Elsewhere they are skipped, with a line that says so; in
 * CI they run, and fail.
 */
export function decoderIsReady(): boolean {
  if (process.env['CI'] !== undefined) return true;
  try {
    execFileSync(PYTHON, ['-c', 'import cryptography, zstandard, argon2'], { stdio: 'pipe' });
    for (const program of ['b3sum', 'rsync']) execFileSync(program, ['--version'], { stdio: 'pipe' });
    return true;
  } catch {
    const packages = 'python3-cryptography python3-zstandard python3-argon2 b3sum rsync';
    process.stderr.write(`decoder tests skipped: they need Debian's ${packages}\n`);
    return false;
  }
}
