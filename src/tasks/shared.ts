/** A share as commands that read snapshots see it: its directory is the root. */
import { utf8 } from '../core/bytes.ts';
import { resolvePath } from '../fs/path.ts';
import type { ShareBody } from '../repo/share.ts';
import type { SnapshotBody } from '../snapshot/snapshot.ts';

const NOTHING = {
  filesNew: 0,
  filesChanged: 0,
  filesUnmodified: 0,
  directories: 0,
  bytesProcessed: 0,
  bytesAdded: 0,
  bytesStored: 0,
  errors: 0,
  durationMs: 0,
};

/** @param name for messages */
export function sharedSnapshot(name: string, { tree, time }: ShareBody): { name: string; body: SnapshotBody } {
  const body: SnapshotBody = {
    time,
    host: '',
    user: '',
    paths: [utf8('/')],
    tree,
    devices: [],
    tags: [],
    program: '',
    kind: 'share',
    excludes: [],
    statistics: NOTHING,
    rebundle: [],
  };
  return { name, body };
}

/** What a path given with `--share` means: seen from the directory that is shared. */
export function pathInShare(text: string | undefined): Uint8Array | undefined {
  return text === undefined ? undefined : resolvePath(utf8('/'), utf8(text));
}
