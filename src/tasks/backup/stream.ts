/** A snapshot of one file whose bytes arrive from a pipe. */
import type { ContentKey } from '../../core/ids.ts';
import { splitPath } from '../../fs/path.ts';
import type { IndexedRepository } from '../../repo/indexed.ts';
import type { Node } from '../../snapshot/node.ts';
import { type SaveBlob, TreeBuilder } from '../../snapshot/tree.ts';
import type { ScanCounters } from './scan-counters.ts';
import type { Machinery } from './setup.ts';

export interface StreamSource {
  /** Absolute path in the snapshot. */
  readonly storedAs: Uint8Array;
  readonly bytes: AsyncIterable<Uint8Array>;
  readonly uid: number;
  readonly gid: number;
  /** Called after the last byte; throws when the producer failed: then nothing is published. */
  readonly finished: () => Promise<void>;
}

/** The key of the root directory. */
export async function saveStream(
  repository: IndexedRepository,
  { core, session }: Machinery,
  save: SaveBlob,
  source: StreamSource,
  counters: ScanCounters,
): Promise<ContentKey> {
  const names = splitPath(source.storedAs);
  const { content, hash, length } = await core.chunkStream(source.bytes, async (count) => {
    repository.index.reserve(4096);
    counters.bytesProcessed += count;
    await session.room();
  });
  await source.finished();
  counters.filesNew += 1;
  const now = BigInt(repository.clock.now()) * 1_000_000n;
  const common = {
    uid: source.uid,
    gid: source.gid,
    mtime: now,
    ctime: now,
    inode: 0n,
    device: 0,
    links: 1,
  };
  let node: Node = {
    ...common,
    name: names.at(-1) ?? new Uint8Array(),
    type: 'file',
    mode: 0o600,
    size: length,
    ...(content === undefined ? {} : { content }),
    ...(hash === undefined ? {} : { contentHash: hash }),
  };
  const builderOf = (): TreeBuilder => new TreeBuilder(save, (bytes) => repository.engine.blake3(bytes));
  for (const name of names.slice(0, -1).reverse()) {
    const builder = builderOf();
    builder.add(node);
    node = { ...common, name, type: 'directory', mode: 0o755, size: 0, tree: builder.finish() };
  }
  const root = builderOf();
  root.add(node);
  return root.finish();
}
