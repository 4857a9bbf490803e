/**
 * Writes test/fixtures/format/objects.json: `node test/support/write-format-vectors.ts`. Only ever to add objects: what
 * is there must stay as it is, for it is the format.
 */
import { writeFileSync } from 'node:fs';
import { toBase64, toHex } from '../../src/core/bytes.ts';
import { openObject } from '../../src/engine/aead.ts';
import { deriveKey } from '../../src/engine/keys.ts';
import { loadEngine } from '../../src/engine/load.ts';
import { decodeSlot } from '../../src/repo/key-slots.ts';
import { decodeSnapshot } from '../../src/snapshot/snapshot.ts';
import { CLIENT, type FormatWorld, formatWorld, PLAINTEXT, REPOSITORY, SEEDS, SESSION } from './format-objects.ts';

const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString();

/** What lies inside the seals, for who writes another implementation. */
function opened({ engine, keys, context, objects }: FormatWorld): Record<string, string> {
  const { slot: slotBytes = new Uint8Array(), snapshot: snapshotBytes = new Uint8Array() } = objects;
  const slot = decodeSlot(CLIENT, slotBytes);
  const snapshot = decodeSnapshot(context, snapshotBytes);
  const shared = engine.kemDecapsulate(SEEDS.seal, snapshot.kemCiphertext);
  const slotKey = engine.blake3Derive('neo/v1 slot key', SEEDS.kek);
  return {
    'slot listing': text(openObject(engine, deriveKey(engine, keys.index, 'seal.slot'), slot.listing, slot.listingAad)),
    'slot secret': text(openObject(engine, slotKey, slot.secret, slot.secretAad)),
    'snapshot body': text(
      openObject(engine, deriveKey(engine, shared, 'snapshot.body'), snapshot.sealed, snapshot.aad),
    ),
  };
}

const world = formatWorld(await loadEngine('native'));
const { content, chunker, index } = world.keys;
const hexOf = (values: Readonly<Record<string, Uint8Array>>): Record<string, string> =>
  Object.fromEntries(Object.entries(values).map(([name, bytes]) => [name, toHex(bytes)]));
const vectors = {
  note: 'One object of each kind (docs/format.md). Inputs are hex unless they are text, objects base64url.',
  inputs: {
    ...hexOf(SEEDS),
    repository: REPOSITORY,
    client: CLIENT,
    session: SESSION,
    'plaintext of the blobs': text(PLAINTEXT),
  },
  keys: hexOf({ data: content.data, tree: content.tree, list: content.list, file: content.file, chunker, index }),
  opened: opened(world),
  objects: Object.fromEntries(Object.entries(world.objects).map(([name, bytes]) => [name, toBase64(bytes)])),
};
const path = new URL('../fixtures/format/objects.json', import.meta.url);
writeFileSync(path, `${JSON.stringify(vectors, undefined, 2)}\n`);
