/** The snapshot object: a head that anybody can authenticate, a body that only role full reads (docs/format.md, section 7). */
import {
  ByteReader,
  ByteWriter,
  concatBytes,
  fromBase64,
  fromByteString,
  fromHex,
  toBase64,
  toByteString,
  toHex,
} from '../core/bytes.ts';
import { NeoError } from '../core/errors.ts';
import {
  type ClientId,
  type ContentKey,
  clientId,
  contentKey,
  type ObjectName,
  objectName,
  type SessionId,
  sessionId,
} from '../core/ids.ts';
import { canonicalJson, type Json, parseJson } from '../core/json.ts';
import type { Random } from '../core/random.ts';
import { byteString, hexName, integer, moment, z } from '../core/schema.ts';
import { openObject, sealObject } from '../engine/aead.ts';
import type { Engine } from '../engine/engine.ts';
import { deriveKey } from '../engine/keys.ts';
import { type Certificate, decodeCertificate } from '../repo/certificate.ts';
import { encodeHeader, readHeader } from '../repo/header.ts';
import { type ObjectContext, readSignature, type Signer, signObject } from '../repo/signed-object.ts';
import { clientHex, type SharedAs, sharedAs, sharedJson, sharedSchema } from './shared-as.ts';

export type SnapshotKind = 'snapshot' | 'stash' | 'partial' | 'share';

export interface SnapshotHead {
  readonly epoch: number;
  readonly client: ClientId;
  readonly session: SessionId;
  readonly sequence: number;
  /** Heads of the client's own chain that it saw. */
  readonly previous: readonly ObjectName[];
  /** Storage's clock at the last validation, milliseconds. */
  readonly validated: number;
  readonly generation: number;
}

export interface FileSystem {
  /** Device number, decimal. */
  readonly id: string;
  readonly type?: string;
}

export interface SnapshotStatistics {
  readonly filesNew: number;
  readonly filesChanged: number;
  readonly filesUnmodified: number;
  readonly directories: number;
  readonly bytesProcessed: number;
  readonly bytesAdded: number;
  readonly bytesStored: number;
  readonly errors: number;
  readonly durationMs: number;
}

export interface SnapshotBody {
  /** Start of the run, the client's clock, milliseconds. */
  readonly time: number;
  readonly host: string;
  readonly user: string;
  readonly uid?: number;
  /** Absolute, as stored. */
  readonly paths: readonly Uint8Array[];
  readonly tree: ContentKey;
  readonly devices: readonly FileSystem[];
  readonly tags: readonly string[];
  readonly label?: string;
  readonly description?: string;
  readonly program: string;
  readonly kind: SnapshotKind;
  readonly parent?: ObjectName;
  readonly excludes: readonly string[];
  readonly statistics: SnapshotStatistics;
  /** Bundles of which less than half is used: the next snapshot bundles their files anew. */
  readonly rebundle: readonly ContentKey[];
  /** Believed of role full only. */
  readonly original?: Original;
  /** Of kind stash: versions of files that a policy keeps, out of that snapshot (and whose, if its maker may only write). Believed of role full only. */
  readonly kept?: { readonly of: ObjectName; readonly client?: ClientId };
  /** Of kind share: whose tree is the directory that is shared. Believed of role full only. */
  readonly share?: SharedAs;
}

/** What a snapshot was made from, and when storage had received that, milliseconds. */
export interface Original {
  readonly snapshot: ObjectName;
  readonly received: number;
  /** Of a copy of it in another repository: what the same snapshot is called in those that it came by, the first one first. */
  readonly same?: readonly ObjectName[];
}

const count = integer(0);
/** Milliseconds: ECMA-262, section 21.4.1.1. Beyond it no date can be shown. */
const LAST_TIME = 8.64e15;
const bodySchema = z.looseObject({
  v: z.literal(1),
  client: z.string(),
  time: integer(-LAST_TIME, LAST_TIME),
  host: z.string(),
  user: z.string(),
  uid: z.optional(count),
  paths: z.array(byteString),
  tree: z.string(),
  devices: z.array(z.looseObject({ id: z.string(), type: z.optional(z.string()) })),
  tags: z.array(z.string()),
  label: z.optional(z.string()),
  description: z.optional(z.string()),
  program: z.string(),
  kind: z.enum(['snapshot', 'stash', 'partial', 'share']),
  parent: z.optional(z.string()),
  excludes: z.array(z.string()),
  statistics: z.looseObject({
    filesNew: count,
    filesChanged: count,
    filesUnmodified: count,
    directories: count,
    bytesProcessed: count,
    bytesAdded: count,
    bytesStored: count,
    errors: count,
    durationMs: count,
  }),
  rebundle: z.array(z.string()),
  original: z.optional(z.object({ snapshot: hexName, received: moment, same: z.optional(z.array(hexName)) })),
  kept: z.optional(z.object({ of: hexName, client: z.optional(clientHex) })),
  share: z.optional(sharedSchema),
});

const KEM_CIPHERTEXT = 1120;
/** Their number is one byte. Of more (as many runs at once of one client) the last are named; a later run names the rest. */
const MAX_PREVIOUS = 255;

function encodeBody(body: SnapshotBody, client: ClientId): Uint8Array {
  return canonicalJson({
    v: 1,
    client,
    time: body.time,
    host: body.host,
    user: body.user,
    uid: body.uid,
    paths: body.paths.map((path) => toByteString(path) as Json),
    tree: toBase64(body.tree),
    devices: body.devices.map(({ id, type }) => ({ id, type })),
    tags: body.tags,
    label: body.label,
    description: body.description,
    program: body.program,
    kind: body.kind,
    parent: body.parent,
    excludes: body.excludes,
    statistics: { ...body.statistics },
    rebundle: body.rebundle.map((key) => toBase64(key)),
    original: body.original && { ...body.original },
    kept: body.kept && { ...body.kept },
    share: body.share && sharedJson(body.share),
  });
}

export interface SealTo {
  readonly epoch: number;
  /** X-Wing public key of that epoch. */
  readonly sealPublic: Uint8Array;
}

export function encodeSnapshot(
  context: ObjectContext & { readonly random: Random },
  signer: Signer,
  sealTo: SealTo,
  head: Omit<SnapshotHead, 'epoch' | 'client'>,
  body: SnapshotBody,
): Uint8Array {
  const { engine, random } = context;
  const { client } = signer.certificate;
  const previous = head.previous.slice(-MAX_PREVIOUS);
  const kem = engine.kemEncapsulate(sealTo.sealPublic, random.bytes(64));
  const writer = new ByteWriter(2048)
    .bytes(encodeHeader('snapshot', context.repository))
    .u32(sealTo.epoch)
    .bytes(fromHex(client))
    .bytes(fromHex(head.session))
    .u64(head.sequence)
    .u8(previous.length);
  for (const name of previous) writer.bytes(fromHex(name));
  const aad = writer.u64(head.validated).u64(head.generation).bytes(kem.ciphertext).finish();
  const key = deriveKey(engine, kem.secret, 'snapshot.body');
  const sealed = sealObject(engine, key, encodeBody(body, client), aad, random);
  return signObject(
    context,
    'snapshot',
    signer,
    concatBytes(aad, new ByteWriter(4).u32(sealed.length).finish(), sealed),
  );
}

/** An authenticated snapshot; the body still sealed. */
export interface SealedSnapshot {
  readonly head: SnapshotHead;
  readonly signer: Certificate;
  readonly kemCiphertext: Uint8Array;
  readonly sealed: Uint8Array;
  readonly aad: Uint8Array;
}

/** @throws NeoError integrity when the signature is not valid; needs-newer-neo */
export function decodeSnapshot(context: ObjectContext, object: Uint8Array): SealedSnapshot {
  return decode(context, object, (reader) => readSignature(context, 'snapshot', object, reader));
}

/** One whose signature was verified before. @throws NeoError integrity, needs-newer-neo */
export function decodeVerified(context: ObjectContext, object: Uint8Array): SealedSnapshot {
  return decode(context, object, (reader) => decodeCertificate(reader.bytes(reader.u16())));
}

function decode(
  context: ObjectContext,
  object: Uint8Array,
  signerOf: (reader: ByteReader) => Certificate,
): SealedSnapshot {
  const reader = new ByteReader(object);
  readHeader(reader, 'snapshot', context.repository);
  const epoch = reader.u32();
  const client = clientId(toHex(reader.bytes(16)));
  const session = sessionId(toHex(reader.bytes(16)));
  const sequence = reader.u64();
  const previous = Array.from({ length: reader.u8() }, () => objectName(toHex(reader.bytes(32))));
  const validated = reader.u64();
  const generation = reader.u64();
  const kemCiphertext = reader.bytes(KEM_CIPHERTEXT);
  const aad = object.subarray(0, reader.offset);
  const sealed = reader.bytes(reader.u32());
  const signer = signerOf(reader);
  if (signer.client !== client) throw new NeoError('integrity', 'snapshot is signed by another client');
  return {
    head: { epoch, client, session, sequence, previous, validated, generation },
    signer,
    kemCiphertext,
    sealed,
    aad,
  };
}

/** H(head): by which a removal names it beside its object. */
export function headHash(engine: Engine, { aad }: SealedSnapshot): Uint8Array {
  return engine.blake3(aad.subarray(0, aad.length - KEM_CIPHERTEXT));
}

/** @param sealSeed private half of the head's epoch. @throws NeoError integrity */
export function openSnapshot(context: ObjectContext, snapshot: SealedSnapshot, sealSeed: Uint8Array): SnapshotBody {
  return decodeBody(openBody(context, snapshot, sealSeed), snapshot.head.client);
}

/** The body's JSON. @throws NeoError integrity when it cannot be opened */
export function openBody({ engine }: ObjectContext, snapshot: SealedSnapshot, sealSeed: Uint8Array): Uint8Array {
  const secret = engine.kemDecapsulate(sealSeed, snapshot.kemCiphertext);
  return openObject(engine, deriveKey(engine, secret, 'snapshot.body'), snapshot.sealed, snapshot.aad);
}

/** @throws NeoError integrity when it is malformed, or of another client */
export function decodeBody(json: Uint8Array, client: ClientId): SnapshotBody {
  const parsed = bodySchema.safeParse(parseJson(json));
  if (!parsed.success) throw new NeoError('integrity', 'snapshot is malformed', { cause: parsed.error });
  const data = parsed.data;
  if (data.client !== client) throw new NeoError('integrity', 'snapshot names two clients');
  return {
    time: data.time,
    host: data.host,
    user: data.user,
    paths: data.paths.map((path) => fromByteString(path)),
    tree: contentKey(fromBase64(data.tree)),
    devices: data.devices.map(({ id, type }) => (type === undefined ? { id } : { id, type })),
    tags: data.tags,
    program: data.program,
    kind: data.kind,
    excludes: data.excludes,
    statistics: data.statistics,
    rebundle: data.rebundle.map((key) => contentKey(fromBase64(key))),
    ...(data.uid === undefined ? {} : { uid: data.uid }),
    ...(data.label === undefined ? {} : { label: data.label }),
    ...(data.description === undefined ? {} : { description: data.description }),
    ...(data.parent === undefined ? {} : { parent: objectName(data.parent) }),
    ...(data.original === undefined ? {} : { original: originalOf(data.original) }),
    ...(data.kept === undefined ? {} : { kept: keptOf(data.kept) }),
    ...(data.share === undefined ? {} : { share: sharedAs(data.share) }),
  };
}

function originalOf(data: NonNullable<z.infer<typeof bodySchema>['original']>): Original {
  const { snapshot, received, same } = data;
  return {
    snapshot: objectName(snapshot),
    received,
    ...(same === undefined ? {} : { same: same.map((name) => objectName(name)) }),
  };
}

function keptOf({ of, client }: NonNullable<z.infer<typeof bodySchema>['kept']>): NonNullable<SnapshotBody['kept']> {
  return { of: objectName(of), ...(client === undefined ? {} : { client: clientId(client) }) };
}
