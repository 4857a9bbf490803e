import type { KnownTree } from './known-trees.ts';

/** Files and bytes so far, for progress and summary. */
export class ScanCounters {
  filesNew = 0;
  filesChanged = 0;
  filesUnmodified = 0;
  directories = 0;
  bytesProcessed = 0;
  errors = 0;
  current: Uint8Array = new Uint8Array();

  addKnown({ directories }: KnownTree): void {
    this.directories += directories.size;
    for (const { files, bytes } of directories.values()) {
      this.filesUnmodified += files;
      this.bytesProcessed += bytes;
    }
  }
}
