/** What kind of file system a path lies on. */
import { statfsSync } from 'node:fs';
import { asBuffer } from './path.ts';

/** `f_type` of statfs(2) on Linux (linux/magic.h and the manual page). */
const NAMES: ReadonlyMap<number, string> = new Map([
  [0xef53, 'ext4'],
  [0x58465342, 'xfs'],
  [0x9123683e, 'btrfs'],
  [0x2fc12fc1, 'zfs'],
  [0xca451a4e, 'bcachefs'],
  [0xf2f52010, 'f2fs'],
  [0x01021994, 'tmpfs'],
  [0x858458f6, 'ramfs'],
  [0x794c7630, 'overlay'],
  [0x6969, 'nfs'],
  [0xff534d42, 'cifs'],
  [0xfe534d42, 'smb2'],
  [0x65735546, 'fuse'],
  [0x01021997, '9p'],
  [0x6a656a63, 'virtiofs'],
  [0x4d44, 'vfat'],
  [0x2011bab0, 'exfat'],
  [0x5346544e, 'ntfs'],
  [0x7366746e, 'ntfs3'],
  [0x9660, 'iso9660'],
  [0x73717368, 'squashfs'],
  [0x9fa0, 'proc'],
  [0x62656572, 'sysfs'],
  [0x1cd1, 'devpts'],
  [0x64626720, 'debugfs'],
  [0x74726163, 'tracefs'],
  [0x27e0eb, 'cgroup'],
  [0x63677270, 'cgroup2'],
  [0xcafe4a11, 'bpf'],
  [0x6e736673, 'nsfs'],
]);

export interface FileSystem {
  /** A name of the table, or the type in hexadecimal (`0x…`) when it is not in it. */
  readonly type: string;
  /** Made up by the kernel as it is read: sizes lie, reading may wait for ever, and a copy is worth nothing. */
  readonly synthetic: boolean;
}

const SYNTHETIC = new Set(['proc', 'sysfs', 'devpts', 'debugfs', 'tracefs', 'cgroup', 'cgroup2', 'bpf', 'nsfs']);

/** Follows symlinks; `access` no longer than the kernel takes. Undefined when the system does not say. */
export function fileSystemOf(access: Uint8Array): FileSystem | undefined {
  if (process.platform !== 'linux') return undefined;
  try {
    const number = statfsSync(asBuffer(access)).type >>> 0;
    const type = NAMES.get(number) ?? `0x${number.toString(16)}`;
    return { type, synthetic: SYNTHETIC.has(type) };
  } catch {
    return undefined;
  }
}
