/** The vectors of docs/format.md, on both engines: the same bytes out of the same inputs, and the same meaning. */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { ByteReader, fromBase64, toBase64, toHex, utf8 } from '../../src/core/bytes.ts';
import { objectName } from '../../src/core/ids.ts';
import { parseJson } from '../../src/core/json.ts';
import { openBlob } from '../../src/engine/aead.ts';
import { contentKeyOf } from '../../src/engine/keys.ts';
import { createNativeEngine } from '../../src/engine/native.ts';
import { createPortableEngine } from '../../src/engine/portable.ts';
import { certificateIsValid, decodeCertificate } from '../../src/repo/certificate.ts';
import { encodeConfig, followChain } from '../../src/repo/config.ts';
import { readHeader } from '../../src/repo/header.ts';
import { decodeSegment, encodeSegment } from '../../src/repo/index/segment.ts';
import { decodeSlot, openListing, openSlot, slotMatches } from '../../src/repo/key-slots.ts';
import { readPack } from '../../src/repo/pack/pack.ts';
import { decodeSealedSigned } from '../../src/repo/signed-object.ts';
import { chunkFromJson, nodeFromJson } from '../../src/snapshot/node-json.ts';
import { decodeSnapshot, openSnapshot } from '../../src/snapshot/snapshot.ts';
import { nodeText } from '../snapshot/blobs.ts';
import { CLIENT, formatWorld, PLAINTEXT, REPOSITORY, SEEDS, SESSION } from '../support/format-objects.ts';

interface Vectors {
  readonly keys: Readonly<Record<string, string>>;
  readonly opened: Readonly<Record<string, string>>;
  readonly objects: Readonly<Record<string, string>>;
}

const vectors = JSON.parse(
  readFileSync(new URL('../fixtures/format/objects.json', import.meta.url), 'utf8'),
) as Vectors;

function vector(name: string): Uint8Array {
  return fromBase64(vectors.objects[name] ?? '?');
}

const worlds = [await createNativeEngine(), await createPortableEngine()].map((engine) => formatWorld(engine));

describe.each(worlds.map((world) => [world.engine.name, world] as const))('the vectors on %s', (_, world) => {
  const { engine, context, keys } = world;

  it.each(Object.keys(vectors.objects))('are written byte for byte: %s', (name) => {
    expect(toBase64(world.objects[name] ?? new Uint8Array())).toBe(vectors.objects[name]);
  });

  it('cover every object that is made', () => {
    expect(Object.keys(world.objects)).toEqual(Object.keys(vectors.objects));
    expect(toHex(keys.content.file)).toBe(vectors.keys['file']);
    expect(toHex(keys.index)).toBe(vectors.keys['index']);
  });

  it('give header, certificate and configuration', () => {
    expect(readHeader(new ByteReader(vector('header')), 'pack')).toBe(REPOSITORY);
    const certificate = decodeCertificate(vector('certificate'));
    expect(certificate.client).toBe(CLIENT);
    expect(certificateIsValid(engine, REPOSITORY, certificate, world.config.signPublic)).toBe(true);
    const bytes = vector('config');
    const name = objectName(toHex(engine.blake3(bytes)));
    const [first] = followChain(engine, [{ epoch: 0, name, bytes }], name).configs;
    expect(first === undefined ? '' : toHex(encodeConfig(engine, first.config, SEEDS.issuer))).toBe(toHex(bytes));
  });

  it('give the key slot', () => {
    const slot = decodeSlot(CLIENT, vector('slot'));
    expect(slotMatches(engine, slot, SEEDS.kek)).toBe(true);
    const secret = openSlot(engine, slot, SEEDS.kek);
    expect(secret.keys.role === 'full' ? toHex(secret.keys.root) : '').toBe(toHex(SEEDS.root));
    expect(openListing(engine, keys.index, slot).label).toBe('vector');
    expect(JSON.parse(vectors.opened['slot listing'] ?? '').label).toBe('vector');
  });

  it('give blobs, pack and segment', () => {
    const key = contentKeyOf(engine, keys.content.data, PLAINTEXT);
    for (const suite of ['AES-256-GCM', 'ChaCha20-Poly1305']) {
      expect(toHex(openBlob(engine, 1, key, vector(`sealed blob, ${suite}`)))).toBe(toHex(PLAINTEXT));
    }
    const pack = vector('pack');
    const name = objectName(toHex(engine.blake3(pack)));
    const directory = readPack({ ...context, indexKey: keys.index }, name, pack);
    expect(directory.session).toBe(SESSION);
    const { body, signer } = decodeSealedSigned(context, 'index', keys.index, vector('segment'));
    expect(signer.client).toBe(CLIENT);
    expect(toHex(body)).toBe(toHex(vector('segment body')));
    const segment = decodeSegment(body);
    expect(toHex(encodeSegment(segment))).toBe(toHex(body));
    expect(segment.packs[0]?.name).toBe(name);
    expect(segment.packs[0]?.entries.map(({ offset }) => offset)).toEqual(
      directory.entries.map(({ offset }) => offset),
    );
  });

  it('give node, parts and snapshot', () => {
    const node = nodeFromJson(parseJson(vector('node')));
    expect(toHex(utf8(nodeText(node)))).toBe(toHex(vector('node')));
    expect(node.inode).toBe(2n ** 64n - 1n);
    const tree = parseJson(vector('tree part')) as { e: unknown[]; l: number };
    expect(tree.e.map((entry) => nodeFromJson(entry).name.length)).toEqual([1, 2]);
    const list = parseJson(vector('list part')) as { e: unknown[] };
    expect(list.e.map((entry) => chunkFromJson(entry).length)).toEqual([65_536]);
    const snapshot = openSnapshot(context, decodeSnapshot(context, vector('snapshot')), SEEDS.seal);
    expect(snapshot.host).toBe('host');
    expect(JSON.parse(vectors.opened['snapshot body'] ?? '').client).toBe(CLIENT);
  });
});
