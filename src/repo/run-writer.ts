/** A run that stores few blobs, in one thread: its session, and the writer of its packs. */
import { BlobWriter } from './blob-writer.ts';
import type { IndexedRepository } from './indexed.ts';
import { SessionWriter } from './session-writer.ts';

const UPLOADS = 4;

export interface RunWriter {
  /** Of the new packs. Their places are in the repository's index once they are stored. */
  readonly session: SessionWriter;
  readonly writer: BlobWriter;
}

/** With `dryRun` nothing is stored. */
export function runWriter(repository: IndexedRepository, dryRun: boolean): RunWriter {
  const session = new SessionWriter(repository, { uploads: UPLOADS, dryRun, onStored: () => undefined });
  const writer = new BlobWriter({
    context: { ...repository, indexKey: repository.keys.index, session: session.session },
    content: repository.keys.content,
    index: repository.index,
    suite: repository.config.blobSuite,
    packTarget: repository.config.packTarget,
    openPacks: 1,
    onPack: (pack) => session.add(pack),
  });
  return { session, writer };
}
