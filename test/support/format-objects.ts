/**
 * One object of every kind, made from fixed seeds, by either engine: for the vectors of docs/format.md, the golden
 * repository and the fuzzer. Nothing here may change: the bytes are the format.
 */
import { toHex, utf8 } from '../../src/core/bytes.ts';
import { clientId, contentKey, objectName, repositoryId, sessionId } from '../../src/core/ids.ts';
import { canonicalJson } from '../../src/core/json.ts';
import { CODECS, sealBlob } from '../../src/engine/aead.ts';
import type { Engine } from '../../src/engine/engine.ts';
import { blobIdOf, contentKeyOf } from '../../src/engine/keys.ts';
import type { BlobEntry } from '../../src/repo/blob-entry.ts';
import { type Certificate, issueCertificate } from '../../src/repo/certificate.ts';
import { encodeConfig, type RepositoryConfig } from '../../src/repo/config.ts';
import { encodeHeader } from '../../src/repo/header.ts';
import { encodeSegment, type IndexSegment } from '../../src/repo/index/segment.ts';
import { encodeSlot, type NewSlot } from '../../src/repo/key-slots.ts';
import { keysFromRoot, type RepositoryKeys } from '../../src/repo/keyring.ts';
import { finishPack } from '../../src/repo/pack/pack.ts';
import { encodeSealedSigned, type ObjectContext, type Signer } from '../../src/repo/signed-object.ts';
import type { Node } from '../../src/snapshot/node.ts';
import { encodeSnapshot } from '../../src/snapshot/snapshot.ts';
import { TreeBuilder } from '../../src/snapshot/tree.ts';
import { nodeText } from '../snapshot/blobs.ts';
import { SimRandom } from './sim-random.ts';

const fill = (byte: number): Uint8Array => new Uint8Array(32).fill(byte);

/** All that is secret, fixed. */
export const SEEDS = { root: fill(1), seal: fill(2), issuer: fill(3), sign: fill(4), kem: fill(5), kek: fill(6) };
export const REPOSITORY = repositoryId('000102030405060708090a0b0c0d0e0f');
export const CLIENT = clientId('101112131415161718191a1b1c1d1e1f');
export const SESSION = sessionId('202122232425262728292a2b2c2d2e2f');
const TIME = 1_767_225_600_000;

export interface FormatWorld {
  readonly engine: Engine;
  readonly keys: RepositoryKeys;
  readonly context: ObjectContext;
  readonly certificate: Certificate;
  readonly signer: Signer;
  readonly config: RepositoryConfig;
  readonly slot: NewSlot;
  readonly segment: IndexSegment;
  readonly node: Node;
  /** By the names under which the vectors are kept. */
  readonly objects: Readonly<Record<string, Uint8Array>>;
}

function configOf(engine: Engine): RepositoryConfig {
  return {
    repository: REPOSITORY,
    epoch: 0,
    created: TIME,
    features: { read: [], write: [], prune: [], check: [] },
    blobSuite: 'aes-256-gcm',
    chunker: { min: 65_536, average: 262_144, max: 1_048_576 },
    bundle: { threshold: 16_384, target: 65_536, limit: 131_072 },
    packTarget: 16_777_216,
    compression: 3,
    grace: 86_400,
    sealPublic: engine.kemPublicKey(SEEDS.seal),
    signPublic: engine.signPublicKey(SEEDS.issuer),
    contentEpoch: 0,
  };
}

function slotOf(engine: Engine, keys: RepositoryKeys, certificate: Certificate, config0: string): NewSlot {
  const listing = {
    client: CLIENT,
    label: 'vector',
    role: 'full' as const,
    method: 'key' as const,
    created: TIME,
    expires: 0,
    certificate: certificate.encoded,
    kemPublic: engine.kemPublicKey(SEEDS.kem),
  };
  const secret = {
    repository: REPOSITORY,
    config0: objectName(config0),
    config: objectName(config0),
    client: CLIENT,
    certificate: certificate.encoded,
    signSeed: SEEDS.sign,
    kemSeed: SEEDS.kem,
    keys: {
      role: 'full' as const,
      root: SEEDS.root,
      epochs: [{ epoch: 0, sealSeed: SEEDS.seal, signSeed: SEEDS.issuer }],
      contents: [],
    },
  };
  return { listing, secret, indexKey: keys.index, kek: SEEDS.kek, kdf: undefined };
}

const NODE: Node = {
  name: Uint8Array.of(0x66, 0xff),
  type: 'file',
  mode: 0o4755,
  uid: 1000,
  gid: 100,
  user: 'jörg',
  group: 'users',
  mtime: 1_767_225_600_123_456_789n,
  ctime: -1n,
  birthtime: 0n,
  inode: 18_446_744_073_709_551_615n,
  device: 1,
  links: 2,
  size: 70_000,
  xattrs: [{ name: utf8('user.a'), value: Uint8Array.of(0, 255) }],
  extents: [
    { offset: 0, length: 4096 },
    { offset: 65_536, length: 4464 },
  ],
  flags: 16,
  content: {
    type: 'chunks',
    chunks: [
      { key: contentKey(fill(7)), length: 4096 },
      { key: contentKey(fill(8)), length: 4464 },
    ],
  },
  contentHash: fill(9),
};

export const PLAINTEXT = utf8('neo '.repeat(100));

function blobsOf(engine: Engine, keys: RepositoryKeys): { sealed: Uint8Array; entry: Omit<BlobEntry, 'offset'> }[] {
  const key = contentKeyOf(engine, keys.content.data, PLAINTEXT);
  const suites = ['aes-256-gcm', 'chacha20-poly1305'] as const;
  return suites.map((suite) => {
    const sealed = sealBlob(engine, suite, 1, key, PLAINTEXT, CODECS.raw, PLAINTEXT.length, new SimRandom(10));
    const hash = engine.blake3(sealed);
    return { sealed, entry: { id: blobIdOf(engine, key), kind: 'data', contentEpoch: 0, length: sealed.length, hash } };
  });
}

function partsOf(engine: Engine): { readonly tree: Uint8Array; readonly list: Uint8Array } {
  const saved: Uint8Array[] = [];
  const tree = new TreeBuilder(
    (_, json) => {
      saved.push(json);
      return contentKey(engine.blake3(json));
    },
    (bytes) => engine.blake3(bytes),
  );
  tree.add({ ...NODE, name: utf8('a') });
  tree.add(NODE);
  tree.finish();
  const list = canonicalJson({ e: [['A'.repeat(43), 65_536]], l: 0 });
  return { tree: saved[0] ?? new Uint8Array(), list };
}

function snapshotOf(context: ObjectContext, signer: Signer, config: RepositoryConfig): Uint8Array {
  return encodeSnapshot(
    { ...context, random: new SimRandom(13) },
    signer,
    { epoch: 0, sealPublic: config.sealPublic },
    { session: SESSION, sequence: 2, previous: [objectName('44'.repeat(32))], validated: TIME, generation: 0 },
    {
      time: TIME,
      host: 'host',
      user: 'user',
      uid: 0,
      paths: [utf8('/home/jörg'), Uint8Array.of(0x2f, 0xff)],
      tree: contentKey(fill(11)),
      devices: [{ id: '64769', type: 'ext4' }],
      tags: ['a', 'b=c'],
      program: 'vector',
      kind: 'snapshot',
      excludes: ['*.tmp'],
      statistics: {
        filesNew: 1,
        filesChanged: 0,
        filesUnmodified: 0,
        directories: 2,
        bytesProcessed: 70_000,
        bytesAdded: 8560,
        bytesStored: 65_536,
        errors: 0,
        durationMs: 5,
      },
      rebundle: [],
    },
  );
}

export function formatWorld(engine: Engine): FormatWorld {
  const keys = keysFromRoot(engine, SEEDS.root, [{ epoch: 0, sealSeed: SEEDS.seal, signSeed: SEEDS.issuer }]);
  const config = configOf(engine);
  const certificate = issueCertificate(engine, REPOSITORY, SEEDS.issuer, {
    client: CLIENT,
    role: 'full',
    epoch: 0,
    created: TIME,
    expires: 0,
    signPublic: engine.signPublicKey(SEEDS.sign),
    kemHash: engine.blake3(engine.kemPublicKey(SEEDS.kem)),
  });
  const signer: Signer = { certificate, seed: SEEDS.sign };
  const context: ObjectContext = { engine, repository: REPOSITORY, issuers: new Map([[0, config.signPublic]]) };
  const configBytes = encodeConfig(engine, config, SEEDS.issuer);
  const slot = slotOf(engine, keys, certificate, toHex(engine.blake3(configBytes)));
  const [blob, other] = blobsOf(engine, keys);
  if (blob === undefined || other === undefined) throw new Error('no blobs');
  const header = encodeHeader('pack', REPOSITORY);
  const buffer = new Uint8Array(65_536);
  buffer.set(header);
  buffer.set(blob.sealed, header.length);
  const entries = [{ ...blob.entry, offset: header.length }];
  const packContext = { ...context, random: new SimRandom(11), indexKey: keys.index, session: SESSION, signer };
  const pack = finishPack(packContext, buffer, header.length + blob.sealed.length, entries);
  const segment: IndexSegment = {
    final: true,
    session: SESSION,
    covered: [SESSION],
    replaced: [objectName('55'.repeat(32))],
    packs: [{ name: pack.name, size: pack.bytes.length, author: CLIENT, authorRole: 'full', entries }],
  };
  const body = encodeSegment(segment);
  const { tree, list } = partsOf(engine);
  const objects = {
    header,
    certificate: certificate.encoded,
    config: configBytes,
    slot: encodeSlot(engine, new SimRandom(9), slot),
    'sealed blob, AES-256-GCM': blob.sealed,
    'sealed blob, ChaCha20-Poly1305': other.sealed,
    pack: pack.bytes,
    'segment body': body,
    segment: encodeSealedSigned({ ...context, random: new SimRandom(12) }, 'index', keys.index, signer, body),
    node: utf8(nodeText(NODE)),
    'tree part': tree,
    'list part': list,
    snapshot: snapshotOf(context, signer, config),
  };
  return { engine, keys, context, certificate, signer, config, slot, segment, node: NODE, objects };
}
