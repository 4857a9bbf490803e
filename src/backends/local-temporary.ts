/** The `tmp` folder of a repository on disk: files of puts that are not finished, and probes of the storage's clock. */
import { lstat, opendir, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { toHex } from '../core/bytes.ts';
import type { Clock } from '../core/clock.ts';
import type { Random } from '../core/random.ts';
import { unlinkQuietly, withFile, writeDurably } from './local-files.ts';

/** A put takes seconds; whatever is older than this was left by a crash. */
export const LITTER_AGE_MS = 24 * 3600 * 1000;

/** File systems whose times come from another machine (`f_type`, Linux `statfs(2)` and `include/uapi/linux/magic.h`). */
const REMOTE_TYPES: ReadonlySet<number> = new Set([
  0x6969, // NFS
  0x517b, // SMB
  0xff534d42, // CIFS
  0xfe534d42, // SMB2
  0x65735546, // FUSE: sshfs, rclone …
  0x00c36400, // Ceph
  0x01021997, // 9P
  0x5346414f, // AFS
  0x0bd00bd0, // Lustre
  0x47504653, // GPFS
]);

/** A name that no other process or host on the same storage chooses. */
export function temporaryName(random: Random): string {
  return `${toHex(random.bytes(16))}.tmp`;
}

/** Removes what crashed puts left, as far as it can. @param now the storage's clock */
export async function removeLitter(folder: string, now: number): Promise<void> {
  try {
    for await (const entry of await opendir(folder)) {
      const file = join(folder, entry.name);
      if (!entry.name.endsWith('.tmp')) continue;
      const stats = await lstat(file);
      if (stats.isFile() && now - stats.mtimeMs > LITTER_AGE_MS) await unlinkQuietly(file);
    }
  } catch {
    // Another process sweeps too, or the folder cannot be read: the next run tries again.
  }
}

/** True when the times of files are set by another machine, so that its clock has to be asked for. */
export async function hasRemoteClock(root: string): Promise<boolean> {
  if (root.startsWith('\\\\')) return true;
  try {
    return process.platform !== 'win32' && REMOTE_TYPES.has((await statfs(root)).type);
  } catch {
    return false;
  }
}

/** The storage's clock by a probe: the time it gives a new file. The own clock where nothing can be written. */
export async function probeClock(folder: string, random: Random, clock: Clock): Promise<number> {
  const probe = join(folder, temporaryName(random));
  try {
    await writeDurably(probe, new Uint8Array(1));
    return (await withFile(probe, async (_handle, _size, modified) => modified)) ?? clock.now();
  } catch {
    return clock.now();
  } finally {
    await unlinkQuietly(probe);
  }
}
