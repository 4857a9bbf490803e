/** Who has stolen a write key. */
import { toHex } from '../../../src/core/bytes.ts';
import { blobIdOf, contentKeyOf } from '../../../src/engine/keys.ts';
import { BlobWriter } from '../../../src/repo/blob-writer.ts';
import { loadIndex } from '../../../src/repo/indexed.ts';
import type { Repository } from '../../../src/repo/repository.ts';
import { putHeartbeat } from '../../../src/repo/session.ts';
import { SessionWriter } from '../../../src/repo/session-writer.ts';
import { encodeSealedSigned } from '../../../src/repo/signed-object.ts';
import { listHeads } from '../../../src/snapshot/listing.ts';
import { contentOf } from './writer.ts';

/** Wrong bytes under right ids, signs of life, tombs and removals that may not count. */
export async function steal(opened: Repository): Promise<void> {
  const repository = await loadIndex(opened, 64);
  const session = new SessionWriter(repository, { uploads: 1, dryRun: false, onStored: () => undefined });
  const writer = new BlobWriter({
    context: { ...repository, indexKey: repository.keys.index, session: session.session },
    content: repository.keys.content,
    index: repository.index,
    suite: 'aes-256-gcm',
    packTarget: 1 << 16,
    openPacks: 1,
    onPack: (pack) => session.add(pack),
  });
  const { engine, keys } = repository;
  for (let n = 0; n < 8; n++) {
    const id = blobIdOf(engine, contentKeyOf(engine, keys.content.data, contentOf(n)));
    const junk = new Uint8Array(440).fill(n);
    writer.append(false, { id, kind: 'data', contentEpoch: 0, hash: engine.blake3(junk) }, junk);
  }
  writer.finish();
  await session.finish();
  await putHeartbeat(repository, { session: session.session, n: 7, time: 0, generation: 0 });
  for (const kind of ['tomb', 'removal'] as const) {
    const victims = [...(await listHeads(repository)).heads].map(({ name }) => name);
    const packs = repository.packs.flatMap((pack) => (pack === undefined ? [] : [pack.name]));
    const time = await repository.backend.now();
    const body =
      kind === 'tomb'
        ? { v: 1, generation: 1, time: 0, grace: 0, packs, replacements: [], uncounted: victims }
        : { v: 1, time, trashEnds: time, snapshots: victims.map((name) => ({ name, head: name })) };
    const json = Buffer.from(JSON.stringify(body));
    const bytes = encodeSealedSigned(repository, kind, keys.index, repository.signer, json);
    const name = toHex(engine.blake3(bytes));
    await repository.backend.put(kind === 'tomb' ? `tombs/1-${name}` : `removals/${name}`, bytes);
  }
  await session.close();
}
