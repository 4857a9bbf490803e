/** A share opened: its directory can be read, and nothing else. */
import type { Backend } from '../backends/backend.ts';
import { toHex } from '../core/bytes.ts';
import { NeoError } from '../core/errors.ts';
import { BlobIndex } from './blob-index.ts';
import type { BlobSource } from './blob-reader.ts';
import type { PackedRecord } from './index/segment.ts';
import { unpack } from './index/segment.ts';
import { PlaceCollector } from './index/sorted-places.ts';
import type { PackInfo } from './indexed.ts';
import { LARGEST } from './largest.ts';
import { lookAgain } from './look-again.ts';
import { ENTRY_LENGTH } from './pack/entry.ts';
import { issuersAt, type Surroundings } from './repository.ts';
import { decodeShare, type ShareBody, type ShareId, type ShareObject, sharePath } from './share.ts';
import type { ShareFile } from './share-file.ts';
import type { ObjectContext } from './signed-object.ts';

export interface OpenedShare {
  readonly source: BlobSource;
  readonly body: ShareBody;
}

/**
 * @param key what the secret of the file opens to
 * @throws NeoError no-repository where there is no such repository; failed when the share was taken back or has ended;
 * integrity when nothing of it can be believed
 */
export async function openShare(
  surroundings: Surroundings,
  backend: Backend,
  file: ShareFile,
  key: Uint8Array,
): Promise<OpenedShare> {
  const { repository, config0, share } = file;
  const { engine } = surroundings;
  const context = { engine, repository, issuers: await issuersAt(engine, backend, config0) };
  const { n, body, packs } = await newestOf(context, backend, share, key);
  if (body.expires !== 0 && body.expires <= (await backend.now())) {
    throw new NeoError('failed', `this share ended on ${new Date(body.expires).toISOString().slice(0, 10)}`, {
      hint: 'ask its maker for another one',
    });
  }
  // Before a prune deletes packs, it tells where their blobs are from then on.
  const newer = lookAgain(surroundings.clock, async () => {
    const [newest] = await shareNumbers(backend, share);
    if (newest === undefined || newest.n <= n) return undefined;
    return (await openShare(surroundings, backend, file, key)).source;
  });
  return { source: { ...sourceOf(surroundings, backend, body, packs), newer }, body };
}

/** Numbers of the objects of a share, the highest first. */
export async function shareNumbers(backend: Backend, id: ShareId): Promise<{ n: number; size: number }[]> {
  const found: { n: number; size: number }[] = [];
  for await (const { path, size } of backend.list(sharePath(id))) {
    const n = /\/([1-9]\d{0,14})$/.exec(path)?.[1];
    if (n !== undefined) found.push({ n: Number(n), size });
  }
  return found.sort((a, b) => b.n - a.n);
}

/** One that is no good stands in nobody's way: the one before it is taken. */
async function newestOf(
  context: ObjectContext,
  backend: Backend,
  id: ShareId,
  key: Uint8Array,
): Promise<ShareObject<PackedRecord>> {
  let failure: unknown;
  for (const { n, size } of await shareNumbers(backend, id)) {
    const bytes = size > LARGEST.share ? undefined : await backend.get(sharePath(id, n));
    if (bytes === undefined) continue;
    try {
      return decodeShare(context, key, { id, n }, bytes);
    } catch (error) {
      failure ??= error;
    }
  }
  if (failure !== undefined) throw failure;
  throw new NeoError('failed', 'this share is not in the repository any more', {
    hint: 'ask its maker: it was taken back, or has ended',
  });
}

function sourceOf(
  surroundings: Surroundings,
  backend: Backend,
  { contentFile }: ShareBody,
  packs: readonly PackedRecord[],
): BlobSource {
  const count = packs.reduce((sum, { packed }) => sum + packed.length / ENTRY_LENGTH, 0);
  const places = new PlaceCollector(count, surroundings.random);
  const infos: (PackInfo | undefined)[] = [undefined];
  const hashes = new Map<string, Uint8Array>();
  for (const pack of packs) {
    const { name, size, author } = pack;
    places.add(infos.push({ name, size, trusted: true, author }) - 1, true, pack.packed);
    for (const { id, hash } of unpack(pack).entries) hashes.set(toHex(id), hash);
  }
  return {
    ...surroundings,
    backend,
    index: BlobIndex.from(places, 0, surroundings.random),
    packs: infos,
    keys: { content: { file: contentFile } },
    sealedHash: (id) => hashes.get(toHex(id)),
  };
}
