/** What a thief works out and forges, and what must come of it: nothing. */
import { expect } from 'vitest';
import { toHex } from '../../src/core/bytes.ts';
import { type BlobId, type ContentKey, type ObjectName, objectName } from '../../src/core/ids.ts';
import { blobIdOf } from '../../src/engine/keys.ts';
import { BlobReader } from '../../src/repo/blob-reader.ts';
import type { PackRecord } from '../../src/repo/index/segment.ts';
import { readSegments } from '../../src/repo/indexed.ts';
import { contentPieces } from '../../src/snapshot/content.ts';
import { encodeSnapshot } from '../../src/snapshot/snapshot.ts';
import { readTree } from '../../src/snapshot/tree.ts';
import { type Client, newSession, type Scene, type Thief } from './write-only-support.ts';

/** All blobs of a snapshot: what a thief who knows the files can work out. */
export async function idsOf(scene: Scene, name: ObjectName | undefined): Promise<BlobId[]> {
  const repository = await scene.full.indexed();
  const reader = new BlobReader(repository);
  const ids = new Map<string, BlobId>();
  const snapshot = (await scene.snapshots()).find((each) => each.name === name);
  if (snapshot === undefined) throw new Error('no snapshot');
  const note = (key: Parameters<typeof blobIdOf>[1]): void => {
    const id = blobIdOf(repository.engine, key);
    ids.set(toHex(id), id);
  };
  const walk = async (tree: Parameters<typeof blobIdOf>[1]): Promise<void> => {
    note(tree);
    for await (const node of readTree((kind, key) => reader.load(kind, key), tree)) {
      if (node.tree !== undefined) await walk(node.tree);
      for await (const { key } of contentPieces((kind, k) => reader.load(kind, k), node.content, node.size)) note(key);
    }
  };
  await walk(snapshot.body.tree);
  return [...ids.values()];
}

/** Every pack that a segment of the given client describes. */
export async function packsOf(client: Client): Promise<PackRecord[]> {
  const repository = await client.repository();
  const { segments } = await readSegments(repository);
  return segments.flatMap(({ segment, signer }) => (signer.client === repository.client ? segment.packs : []));
}

export async function everybodySucceeds(
  clients: readonly Client[],
  folder: string,
  files: Map<string, Buffer>,
): Promise<void> {
  for (const client of clients) {
    const { snapshot, errors } = await client.snapshot(folder);
    expect(errors).toBe(0);
    expect(await client.scene.read(snapshot)).toEqual(files);
  }
}

/** A snapshot object that says what the thief likes. */
export async function forgedSnapshot(
  thief: Thief,
  fields: { readonly host: string; readonly path: string; readonly time: number; readonly tree: ContentKey },
): Promise<Uint8Array> {
  const { repository } = thief;
  const { epoch, sealPublic } = repository.config;
  const statistics = {
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
  const head = {
    session: newSession(),
    sequence: Number.MAX_SAFE_INTEGER,
    previous: [objectName('e'.repeat(64))],
    validated: fields.time,
    generation: 0,
  };
  return encodeSnapshot(repository, repository.signer, { epoch, sealPublic }, head, {
    time: fields.time,
    host: fields.host,
    user: 'user',
    paths: [Buffer.from(fields.path)],
    tree: fields.tree,
    devices: [],
    tags: [],
    program: 'test',
    kind: 'snapshot',
    excludes: [],
    statistics,
    rebundle: [],
  });
}
