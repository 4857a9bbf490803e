/** `config/<n>-<name>`: what everybody who opens the repository must agree on (docs/format.md, section 3). */
import { type ChunkerParameters, checkParameters } from '../chunker/chunker.ts';
import { ByteReader, ByteWriter, concatBytes, fromBase64, fromHex, toBase64, toHex } from '../core/bytes.ts';
import { isNeoError, NeoError } from '../core/errors.ts';
import { type ObjectName, objectName, type RepositoryId, repositoryId } from '../core/ids.ts';
import { canonicalJson, parseJson } from '../core/json.ts';
import { integer, z } from '../core/schema.ts';
import type { Engine } from '../engine/engine.ts';
import { signBytes, verifySignatures } from '../engine/identity.ts';
import { encodeHeader, FORMAT_VERSION, HEADER_LENGTH, newerNeo, readHeader } from './header.ts';
import { MAX_PACK_SIZE } from './pack/entry.ts';
import { LAST_CONTENT_EPOCH } from './slot-secret.ts';

export const OPERATIONS = ['read', 'write', 'prune', 'check'] as const;
export type Operation = (typeof OPERATIONS)[number];

export interface BundleParameters {
  /** Bytes. Files below `threshold` go to bundles of about `target`, never above `limit`. */
  readonly threshold: number;
  readonly target: number;
  readonly limit: number;
}

export interface RepositoryConfig {
  readonly repository: RepositoryId;
  readonly epoch: number;
  readonly created: number;
  readonly features: Readonly<Record<Operation, readonly string[]>>;
  readonly blobSuite: 'aes-256-gcm' | 'chacha20-poly1305';
  readonly chunker: ChunkerParameters;
  readonly bundle: BundleParameters;
  readonly packTarget: number;
  /** zstd level of writers; 0 = off. */
  readonly compression: number;
  /** Seconds. */
  readonly grace: number;
  readonly sealPublic: Uint8Array;
  readonly signPublic: Uint8Array;
  /** Of the content secrets that writers use; 0 for the first ones. */
  readonly contentEpoch: number;
  readonly previous?: ObjectName;
  readonly valid?: ObjectName;
}

/** Blobs may be of several content epochs. Who knows of one alone would take the others for damage. */
export const CONTENT_EPOCHS = 'content-epochs';

/** Feature flags that this program implements. */
const KNOWN_FEATURES: readonly string[] = [CONTENT_EPOCHS];

/** X-Wing and Ed25519. */
const SEAL_PUBLIC_LENGTH = 1216;
const SIGN_PUBLIC_LENGTH = 32;
const CHUNKER_ALGORITHM = 'fastcdc-keyed-1';
const bytes = integer(1, 1 << 30);
const schema = z.object({
  version: z.literal(1),
  repository: z.string(),
  epoch: integer(0),
  created: integer(0),
  features: z.object({
    read: z.array(z.string()),
    write: z.array(z.string()),
    prune: z.array(z.string()),
    check: z.array(z.string()),
  }),
  suites: z.object({ blob: z.enum(['aes-256-gcm', 'chacha20-poly1305']) }),
  chunker: z.object({ algorithm: z.literal(CHUNKER_ALGORITHM), min: bytes, average: bytes, max: bytes }),
  bundle: z.object({
    threshold: integer(0, 1 << 24),
    target: bytes,
    limit: bytes,
  }),
  pack: z.object({ target: integer(1, MAX_PACK_SIZE) }),
  compression: integer(0, 22),
  grace: integer(0),
  sealPublic: z.string(),
  signPublic: z.string(),
  contentEpoch: z.optional(integer(1, LAST_CONTENT_EPOCH)),
  previous: z.optional(z.string()),
  valid: z.optional(z.string()),
});

function bodyOf(config: RepositoryConfig): Uint8Array {
  return canonicalJson({
    version: FORMAT_VERSION,
    repository: config.repository,
    epoch: config.epoch,
    created: config.created,
    features: config.features,
    suites: { blob: config.blobSuite },
    chunker: {
      algorithm: CHUNKER_ALGORITHM,
      min: config.chunker.min,
      average: config.chunker.average,
      max: config.chunker.max,
    },
    bundle: { threshold: config.bundle.threshold, target: config.bundle.target, limit: config.bundle.limit },
    pack: { target: config.packTarget },
    compression: config.compression,
    grace: config.grace,
    sealPublic: toBase64(config.sealPublic),
    signPublic: toBase64(config.signPublic),
    contentEpoch: config.contentEpoch === 0 ? undefined : config.contentEpoch,
    previous: config.previous,
    valid: config.valid,
  });
}

/** `seed`: the signing pair of epoch n−1, or of epoch 0 for n = 0. */
export function encodeConfig(engine: Engine, config: RepositoryConfig, seed: Uint8Array): Uint8Array {
  const body = bodyOf(config);
  const unsigned = concatBytes(
    encodeHeader('config', config.repository),
    new ByteWriter(4).u32(body.length).finish(),
    body,
  );
  return concatBytes(unsigned, signBytes(engine, seed, 'config', fromHex(config.repository), unsigned));
}

const ofSomeVersion = z.looseObject({ version: z.int() });
const withSomeFeatures = z.looseObject({ features: z.looseObject({ read: z.array(z.string()) }) });

/** A version or feature that an older program cannot know must never look like damage. */
function parseBody(value: unknown): RepositoryConfig {
  const version = ofSomeVersion.safeParse(value);
  if (version.success && version.data.version > FORMAT_VERSION) {
    throw newerNeo(`a configuration of version ${version.data.version}`);
  }
  const features = withSomeFeatures.safeParse(value);
  const unknown = features.success
    ? features.data.features.read.find((flag) => !KNOWN_FEATURES.includes(flag))
    : undefined;
  if (unknown !== undefined) throw newerNeo(`the feature "${unknown}"`);
  const parsed = schema.safeParse(value);
  if (!parsed.success) throw new NeoError('integrity', 'configuration is malformed', { cause: parsed.error });
  const data = parsed.data;
  return {
    repository: repositoryId(data.repository),
    epoch: data.epoch,
    created: data.created,
    features: data.features,
    blobSuite: data.suites.blob,
    chunker: chunkerOf(data.chunker),
    bundle: data.bundle,
    packTarget: data.pack.target,
    compression: data.compression,
    grace: data.grace,
    sealPublic: publicKey(data.sealPublic, SEAL_PUBLIC_LENGTH),
    signPublic: publicKey(data.signPublic, SIGN_PUBLIC_LENGTH),
    contentEpoch: data.contentEpoch ?? 0,
    ...(data.previous === undefined ? {} : { previous: objectName(data.previous) }),
    ...(data.valid === undefined ? {} : { valid: objectName(data.valid) }),
  };
}

function publicKey(text: string, length: number): Uint8Array {
  const key = fromBase64(text);
  if (key.length !== length) throw new NeoError('integrity', 'configuration has a public key of a wrong length');
  return key;
}

/** Sizes that no chunker takes are damage here, not wrong usage. */
function chunkerOf({ min, average, max }: ChunkerParameters): ChunkerParameters {
  const parameters = { min, average, max };
  try {
    checkParameters(parameters);
  } catch (error) {
    throw new NeoError('integrity', 'configuration has impossible chunk sizes', { cause: error });
  }
  return parameters;
}

/**
 * Verifies the signature with `issuer`, or for epoch 0 (which the key slot names) with the config's own key. What it
 * says, its version included, counts only then: else anybody who can store an object could make every client wait for a
 * newer neo. So the envelope is the same in all versions.
 * @throws NeoError
 */
function decodeConfig(engine: Engine, object: Uint8Array, issuer: Uint8Array | undefined): RepositoryConfig {
  if (issuer !== undefined) verifyEnvelope(engine, object, issuer);
  const reader = new ByteReader(object);
  const id = readHeader(reader, 'config');
  const config = parseBody(parseJson(reader.bytes(reader.u32())));
  if (config.repository !== id) throw new NeoError('integrity', 'configuration names another repository');
  if (issuer === undefined) verifyEnvelope(engine, object, config.signPublic);
  return config;
}

function verifyEnvelope(engine: Engine, object: Uint8Array, issuer: Uint8Array): void {
  const reader = new ByteReader(object);
  const id = reader.bytes(HEADER_LENGTH).subarray(HEADER_LENGTH - 16);
  reader.bytes(reader.u32());
  const signed = object.subarray(0, reader.offset);
  if (verifySignatures(engine, issuer, 'config', id, signed, reader.bytes(reader.remaining))) return;
  throw new NeoError('integrity', 'configuration has a wrong signature');
}

/** One object of `config/`: its epoch and name as the path gives them. */
export interface ConfigObject {
  readonly epoch: number;
  readonly name: ObjectName;
  readonly bytes: Uint8Array;
}

export interface ChainLink {
  readonly config: RepositoryConfig;
  readonly name: ObjectName;
}

export interface ConfigChain {
  /** Verified, in order of epoch; the last is in force. */
  readonly configs: readonly ChainLink[];
  /** Objects that were ignored, and why. */
  readonly ignored: readonly { readonly object: ConfigObject; readonly reason: string }[];
  /** The first epoch that two valid ones claim: readers follow one of them, nobody writes. */
  readonly conflict: { readonly epoch: number; readonly names: readonly ObjectName[] } | undefined;
}

/**
 * Follows the chain from `config/0` of the given name.
 * @param wanted of two valid ones of one epoch this one is followed, else the lesser name
 * @throws NeoError integrity when the first is missing or damaged; needs-newer-neo
 */
export function followChain(
  engine: Engine,
  objects: readonly ConfigObject[],
  first: ObjectName,
  wanted?: ObjectName,
): ConfigChain {
  let conflict: ConfigChain['conflict'];
  const ignored: { object: ConfigObject; reason: string }[] = [];
  const configs: ChainLink[] = [];
  for (let epoch = 0; ; epoch++) {
    const claims = objects.filter((object) => object.epoch === epoch);
    const judged = claims.map((object) => ({ object, result: judge(engine, object, configs.at(-1), first) }));
    const valid: ChainLink[] = [];
    for (const { object, result } of judged) {
      if (typeof result === 'string') ignored.push({ object, reason: result });
      else valid.push({ config: result, name: object.name });
    }
    valid.sort((a, b) => Number(b.name === wanted) - Number(a.name === wanted) || (a.name < b.name ? -1 : 1));
    const [only] = valid;
    if (valid.length > 1) conflict ??= { epoch, names: valid.map(({ name }) => name) };
    if (only === undefined) break;
    configs.push(only);
  }
  if (configs.length > 0) return { configs, ignored, conflict };
  throw new NeoError('integrity', 'the first configuration of the repository is missing or damaged', {
    hint: 'the name in the key slot and the objects in config/ do not meet',
  });
}

function judge(
  engine: Engine,
  object: ConfigObject,
  previous: ChainLink | undefined,
  first: ObjectName,
): RepositoryConfig | string {
  if (toHex(engine.blake3(object.bytes)) !== object.name) return 'bytes do not give its name';
  if (object.epoch === 0 && object.name !== first) return 'not the one that the key slot names';
  try {
    const config = decodeConfig(engine, object.bytes, previous?.config.signPublic);
    if (config.epoch !== object.epoch) return 'path and content differ in epoch';
    if (config.previous !== previous?.name) return 'does not follow the one in force';
    if (previous !== undefined && config.repository !== previous.config.repository) return 'another repository';
    return config;
  } catch (error) {
    if (isNeoError(error, 'integrity')) return error.message;
    throw error;
  }
}

/** @throws NeoError needs-newer-neo when the operation asks for a feature that this program does not have */
export function requireFeatures(config: RepositoryConfig, operation: Operation): void {
  const unknown = config.features[operation].find((flag) => !KNOWN_FEATURES.includes(flag));
  if (unknown !== undefined) throw newerNeo(`the feature "${unknown}", needed to ${operation},`);
}

/** Before anything is written. @throws NeoError integrity while two configurations of one epoch are valid */
export function requireOneConfig({ conflict }: ConfigChain): void {
  if (conflict === undefined) return;
  throw new NeoError('integrity', `two valid configurations claim epoch ${conflict.epoch}: nothing may be written`, {
    hint: 'somebody rotated keys twice at once, or a key was stolen; all can be read; to decide: neo repair config',
  });
}
