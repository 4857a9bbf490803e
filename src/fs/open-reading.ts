/** The one place where the user's files and directories are opened: for reading only, and leaving no trace. */
import { closeSync, constants, openSync } from 'node:fs';
import { systemCode } from '../core/errors.ts';
import { asBuffer } from './path.ts';
import { descriptorPath } from './reach.ts';
import { fstatOf } from './stat.ts';

const { O_RDONLY, O_NOFOLLOW = 0, O_NOATIME = 0, O_NONBLOCK = 0 } = constants;
const O_PATH = 0o10000000;

/**
 * A descriptor. The last name is not followed if it is a symlink; the atime stays (O_NOATIME: for the owner of the file
 * and for root; all others read without); a fifo or a device is opened without waiting. `extra`: further flags.
 * @throws the system's error
 */
export function openForReading(path: Uint8Array, extra = 0): number {
  try {
    return openReading(path, extra | O_NOATIME);
  } catch (error) {
    if (systemCode(error) !== 'EPERM' || O_NOATIME === 0) throw error;
    return openReading(path, extra);
  }
}

function openReading(path: Uint8Array, extra: number): number {
  const flags = O_RDONLY | O_NOFOLLOW | extra;
  try {
    return openSync(asBuffer(path), flags | O_NONBLOCK);
  } catch (error) {
    if (systemCode(error) !== 'EAGAIN') throw error;
    return openLeased(path, O_RDONLY | extra);
  }
}

/**
 * Another process holds a lease on the file (a file server does): O_NONBLOCK then fails instead of waiting until the
 * lease is given back (at most /proc/sys/fs/lease-break-time). Wait, but only for what surely is a regular file.
 */
function openLeased(path: Uint8Array, flags: number): number {
  const place = openSync(asBuffer(path), O_PATH | O_NOFOLLOW);
  try {
    const regular = fstatOf(place).type === 'file';
    return openSync(descriptorPath(place), regular ? flags : flags | O_NONBLOCK);
  } finally {
    closeSync(place);
  }
}
