/**
 * Gives a finished temporary file its final name, in one step and never over an existing one.
 *
 * 1. A hard link: refuses an existing name on every file system that has links.
 * 2. Without links (FAT, exFAT, some shares): `renameat2` with RENAME_NOREPLACE on Linux, `renamex_np` with RENAME_EXCL
 *    on macOS, called through koffi, as Node has neither.
 * 3. Where that is missing too (Windows on FAT, some FUSE file systems): look, then rename. Two writers that store
 *    *different* bytes under the *same* name within that moment could replace each other; names made from hashes or
 *    random ids exclude it. The name is never visible with part of the bytes.
 */
import { link, lstat, rename } from 'node:fs/promises';
import { NeoError, systemCode } from '../core/errors.ts';
import { isAbsent } from './local-files.ts';

/** `unsupported` goes on to the next way. The temporary file may be gone or still there afterwards. */
export type Publication = 'published' | 'exists';
export type PublishWay = (temporary: string, final: string) => Promise<Publication | 'unsupported'>;

/** What `link` answers where there are no links. Android's answer is EACCES; then the rename decides. */
const NO_LINKS = new Set(['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EMLINK', 'EACCES', 'EINVAL']);

export const publishByLink: PublishWay = async (temporary, final) => {
  try {
    await link(temporary, final);
    return 'published';
  } catch (error) {
    const code = systemCode(error) ?? '';
    if (code === 'EEXIST') return 'exists';
    if (NO_LINKS.has(code)) return 'unsupported';
    throw error;
  }
};

type NativeRename = (temporary: string, final: string) => number;
interface NativeRenamer {
  readonly rename: NativeRename;
  readonly errno: () => number;
  readonly exists: number;
}

let native: Promise<NativeRenamer | undefined> | undefined;

/** rename(2) of Linux: `renameat2(AT_FDCWD, …, AT_FDCWD, …, RENAME_NOREPLACE)`; macOS: `renamex_np(…, RENAME_EXCL)`. */
async function loadNative(): Promise<NativeRenamer | undefined> {
  try {
    const { default: koffi } = await import('koffi');
    const errno = { errno: () => koffi.errno(), exists: 17 };
    const own = koffi.load(null);
    if (process.platform === 'linux') {
      const call = own.func('int renameat2(int, const char*, int, const char*, unsigned int)');
      return { rename: (from, to) => call(-100, from, -100, to, 1), ...errno };
    }
    if (process.platform !== 'darwin') return undefined;
    const call = own.func('int renamex_np(const char*, const char*, unsigned int)');
    return { rename: (from, to) => call(from, to, 4), ...errno };
  } catch {
    // No koffi for this platform, or a C library without the call: the last way is left.
    return undefined;
  }
}

export const publishByNativeRename: PublishWay = async (temporary, final) => {
  native ??= loadNative();
  const renamer = await native;
  if (renamer === undefined) return 'unsupported';
  if (renamer.rename(temporary, final) === 0) return 'published';
  // Whatever else is wrong (no such call, no permission), the plain rename names it with Node's own error.
  return renamer.errno() === renamer.exists ? 'exists' : 'unsupported';
};

export const publishByCheckedRename: PublishWay = async (temporary, final) => {
  try {
    await lstat(final);
    return 'exists';
  } catch (error) {
    if (!isAbsent(error)) throw error;
  }
  await rename(temporary, final);
  return 'published';
};

export const PUBLISH_WAYS: readonly PublishWay[] = [publishByLink, publishByNativeRename, publishByCheckedRename];

/** @throws the system's error when no way works */
export async function publish(
  temporary: string,
  final: string,
  ways: readonly PublishWay[] = PUBLISH_WAYS,
): Promise<Publication> {
  for (const way of ways) {
    const result = await way(temporary, final);
    if (result !== 'unsupported') return result;
  }
  throw new NeoError('failed', `cannot give ${final} its name on this file system`);
}
