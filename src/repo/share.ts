/**
 * `shares/<share id>/<n>`: where the blobs of a shared directory lie, for readers who have the key of the share and
 * nothing else (docs/format.md, section 8). The highest n counts: each prune that moves some of them writes the next.
 */
import { ByteReader, ByteWriter, concatBytes, fromBase64, toBase64 } from '../core/bytes.ts';
import { NeoError } from '../core/errors.ts';
import { type ContentKey, contentKey, type ObjectName, objectName, type SessionId } from '../core/ids.ts';
import { canonicalJson, parseJson } from '../core/json.ts';
import type { Random } from '../core/random.ts';
import { hexName, integer, moment, z } from '../core/schema.ts';
import { openObject, sealObject } from '../engine/aead.ts';
import { deriveKey } from '../engine/keys.ts';
import { encodeHeader, readHeader } from './header.ts';
import { encodeSegment, openSegment, type PackedRecord, type PackRecord } from './index/segment.ts';
import { type ObjectContext, readSignature, type Signer, signObject } from './signed-object.ts';

export type ShareId = string & { readonly brand: 'share' };

export const SHARE_ID: RegExp = /^[0-9a-f]{32}$/;

/** @throws NeoError integrity */
export function shareId(text: string): ShareId {
  if (!SHARE_ID.test(text)) throw new NeoError('integrity', 'not the id of a share');
  return text as ShareId;
}

/** Without `n` the folder. */
export function sharePath(id: ShareId, n?: number): string {
  return n === undefined ? `shares/${id}` : `shares/${id}/${n}`;
}

/** What the key of the share opens. */
export interface ShareBody {
  readonly tree: ContentKey;
  /** When the snapshot was taken that it shows, milliseconds. */
  readonly time: number;
  /** Milliseconds; 0 = never. */
  readonly expires: number;
  /** Secret of whole files' identities: no blob is sealed under it, and a reader compares files on the disk by it. */
  readonly contentFile: Uint8Array;
  /** Of a share that follows new snapshots, and has: how many times. Of two states the one of the higher step is later. */
  readonly step?: number;
}

/** By which the states of one share are told apart, and put in order. */
export type ShareState = Pick<ShareBody, 'tree' | 'time' | 'step'>;

/** Above 0: `a` is later. Of those of one step the one that shows what was taken later, then any, but always the same. */
export function compareStates(a: ShareState, b: ShareState): number {
  return (a.step ?? 0) - (b.step ?? 0) || a.time - b.time || Buffer.compare(a.tree, b.tree);
}

export interface ShareObject<Pack> {
  readonly id: ShareId;
  readonly n: number;
  readonly body: ShareBody;
  /** One place of each blob that is shared; their hashes are those of the sealed bytes. */
  readonly packs: readonly Pack[];
}

const clearSchema = z.object({
  v: z.literal(1),
  share: z.string().check(z.regex(SHARE_ID)),
  n: integer(1),
  packs: z.array(hexName),
});
const bodySchema = z.object({
  v: z.literal(1),
  tree: z.string(),
  time: integer(-8.64e15, 8.64e15),
  expires: moment,
  contentFile: z.string(),
  step: z.optional(integer(1)),
});
const NO_SESSION = '0'.repeat(32) as SessionId;

export function encodeShare(
  context: ObjectContext & { readonly random: Random },
  signer: Signer,
  key: Uint8Array,
  { id, n, body, packs }: ShareObject<PackRecord>,
): Uint8Array {
  const { engine, random } = context;
  const clear = canonicalJson({ v: 1, share: id, n, packs: packs.map(({ name }) => name) });
  const head = concatBytes(encodeHeader('share', context.repository), counted(clear));
  const { tree, time, expires, contentFile, step } = body;
  const json = canonicalJson({
    v: 1,
    tree: toBase64(tree),
    time,
    expires,
    contentFile: toBase64(contentFile),
    step,
  });
  const segment = encodeSegment({ final: true, session: NO_SESSION, covered: [], replaced: [], packs });
  const sealed = [
    sealObject(engine, deriveKey(engine, key, 'share.body'), json, head, random),
    sealObject(engine, deriveKey(engine, key, 'share.blobs'), segment, head, random),
  ];
  return signObject(context, 'share', signer, concatBytes(head, ...sealed.map(counted)));
}

function counted(bytes: Uint8Array): Uint8Array {
  return concatBytes(new ByteWriter(4).u32(bytes.length).finish(), bytes);
}

/** What storage is to keep for it. @throws NeoError integrity when nobody who may share signed it; needs-newer-neo */
export function packsOfShare(context: ObjectContext, object: Uint8Array): ReadonlySet<ObjectName> {
  return new Set(readShare(context, object).clear.packs.map(objectName));
}

/** @throws NeoError integrity when it is another share, nobody who may share signed it, or the key is another one */
export function decodeShare(
  context: ObjectContext,
  key: Uint8Array,
  { id, n }: Pick<ShareObject<unknown>, 'id' | 'n'>,
  object: Uint8Array,
): ShareObject<PackedRecord> {
  const { engine } = context;
  const { head, clear, sealed } = readShare(context, object);
  if (clear.share !== id || clear.n !== n) throw new NeoError('integrity', 'a share object in the place of another');
  const open = (label: string, box: Uint8Array): Uint8Array =>
    openObject(engine, deriveKey(engine, key, label), box, head);
  const parsed = bodySchema.safeParse(parseJson(open('share.body', sealed.body)));
  if (!parsed.success) throw new NeoError('integrity', 'share is malformed', { cause: parsed.error });
  const { tree, time, expires, contentFile, step } = parsed.data;
  const body = {
    tree: contentKey(fromBase64(tree)),
    time,
    expires,
    contentFile: fromBase64(contentFile),
    ...(step === undefined ? {} : { step }),
  };
  if (body.contentFile.length !== 32) throw new NeoError('integrity', 'share is malformed');
  return { id, n, body, packs: openSegment(open('share.blobs', sealed.blobs)).packs };
}

function readShare(context: ObjectContext, object: Uint8Array) {
  const reader = new ByteReader(object);
  readHeader(reader, 'share', context.repository);
  const json = reader.bytes(reader.u32());
  const head = object.subarray(0, reader.offset);
  const sealed = { body: reader.bytes(reader.u32()), blobs: reader.bytes(reader.u32()) };
  if (readSignature(context, 'share', object, reader).role !== 'full') {
    throw new NeoError('integrity', 'a share that was signed with a key that may not share');
  }
  const parsed = clearSchema.safeParse(parseJson(json));
  if (!parsed.success) throw new NeoError('integrity', 'share is malformed', { cause: parsed.error });
  return { head, clear: parsed.data, sealed };
}
