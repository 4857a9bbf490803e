/** What lies inside a key slot, as JSON (docs/format.md, section 4). */
import { fromBase64, toBase64 } from '../core/bytes.ts';
import { NeoError } from '../core/errors.ts';
import { type ClientId, clientId, type ObjectName, objectName, type RepositoryId, repositoryId } from '../core/ids.ts';
import { canonicalJson, type Json, parseJson } from '../core/json.ts';
import { integer, z } from '../core/schema.ts';

/** They are two bytes where a blob is told of. */
export const LAST_CONTENT_EPOCH = 65_535;

/** Private halves of one epoch; only full-role slots hold them. */
export interface EpochSecrets {
  readonly epoch: number;
  readonly sealSeed: Uint8Array;
  readonly signSeed: Uint8Array;
}

/** Content secrets that took the place of earlier ones: `neo key rotate --content`. Those of epoch 0 stand apart. */
export interface ContentEpochSecrets {
  /** 1 … 65535, rising. */
  readonly epoch: number;
  readonly data: Uint8Array;
  readonly tree: Uint8Array;
  readonly list: Uint8Array;
}

export type SlotKeys = {
  /** In order of epochs; none as long as there are only the first ones. */
  readonly contents: readonly ContentEpochSecrets[];
} & (
  | { readonly role: 'full'; readonly root: Uint8Array; readonly epochs: readonly EpochSecrets[] }
  | {
      readonly role: 'write';
      readonly contentData: Uint8Array;
      readonly contentTree: Uint8Array;
      readonly contentList: Uint8Array;
      readonly contentFile: Uint8Array;
      readonly chunker: Uint8Array;
      readonly index: Uint8Array;
      /** 16 bytes, if the slot is bound to a deduplication domain. */
      readonly domain?: Uint8Array;
    }
);

/** What lies inside an opened slot. */
export interface SlotSecret {
  readonly repository: RepositoryId;
  readonly config0: ObjectName;
  /** The config in force when the slot was written: the chain must reach it. */
  readonly config: ObjectName;
  readonly client: ClientId;
  readonly certificate: Uint8Array;
  readonly signSeed: Uint8Array;
  readonly kemSeed: Uint8Array;
  readonly keys: SlotKeys;
}

/** What a rotation gives a client anew; its own pairs stay those of its first slot. */
export type RenewedSecret = Omit<SlotSecret, 'signSeed' | 'kemSeed'>;

const text = z.string();
const contentsSchema = z.optional(
  z.array(z.object({ epoch: integer(1, LAST_CONTENT_EPOCH), data: text, tree: text, list: text })),
);
type ContentsJson = z.infer<typeof contentsSchema>;
const secretBase = z.object({
  v: z.literal(1),
  repository: text,
  config0: text,
  config: text,
  client: text,
  certificate: text,
  signSeed: z.optional(text),
  kemSeed: z.optional(text),
});
const secretSchema = z.discriminatedUnion('role', [
  z.extend(secretBase, {
    role: z.literal('full'),
    keys: z.object({
      root: text,
      epochs: z.array(z.object({ epoch: integer(0), sealSeed: text, signSeed: text })).check(z.minLength(1)),
      contents: contentsSchema,
    }),
  }),
  z.extend(secretBase, {
    role: z.literal('write'),
    keys: z.object({
      'content.data': text,
      'content.tree': text,
      'content.list': text,
      'content.file': text,
      chunker: text,
      index: text,
      domain: z.optional(text),
      contents: contentsSchema,
    }),
  }),
]);

export function encodeSecret(secret: RenewedSecret & Partial<SlotSecret>): Uint8Array {
  const { keys, signSeed, kemSeed } = secret;
  return canonicalJson({
    v: 1,
    repository: secret.repository,
    config0: secret.config0,
    config: secret.config,
    client: secret.client,
    role: keys.role,
    certificate: toBase64(secret.certificate),
    signSeed: signSeed && toBase64(signSeed),
    kemSeed: kemSeed && toBase64(kemSeed),
    keys: keysJson(keys),
  });
}

function keysJson(keys: SlotKeys): Json {
  return keys.role === 'full'
    ? {
        root: toBase64(keys.root),
        epochs: keys.epochs.map((pair) => ({
          epoch: pair.epoch,
          sealSeed: toBase64(pair.sealSeed),
          signSeed: toBase64(pair.signSeed),
        })),
        contents: contentsJson(keys),
      }
    : {
        'content.data': toBase64(keys.contentData),
        'content.tree': toBase64(keys.contentTree),
        'content.list': toBase64(keys.contentList),
        'content.file': toBase64(keys.contentFile),
        chunker: toBase64(keys.chunker),
        index: toBase64(keys.index),
        domain: keys.domain === undefined ? undefined : toBase64(keys.domain),
        contents: contentsJson(keys),
      };
}

function contentsJson({ contents }: SlotKeys): Json | undefined {
  if (contents.length === 0) return undefined;
  return contents.map(({ epoch, data, tree, list }) => ({
    epoch,
    data: toBase64(data),
    tree: toBase64(tree),
    list: toBase64(list),
  }));
}

/** Of a first slot. @throws NeoError integrity when malformed */
export function decodeSecret(json: Uint8Array): SlotSecret {
  const { secret, seeds } = parse(json);
  if (seeds === undefined) throw new NeoError('integrity', 'key slot is malformed');
  return { ...secret, ...seeds };
}

/** Of a renewal. @throws NeoError integrity when malformed */
export function decodeRenewedSecret(json: Uint8Array): RenewedSecret {
  return parse(json).secret;
}

interface Parsed {
  readonly secret: RenewedSecret;
  readonly seeds: Pick<SlotSecret, 'signSeed' | 'kemSeed'> | undefined;
}

function parse(json: Uint8Array): Parsed {
  const parsed = secretSchema.safeParse(parseJson(json));
  if (!parsed.success) throw new NeoError('integrity', 'key slot is malformed', { cause: parsed.error });
  const { data } = parsed;
  const { signSeed, kemSeed } = data;
  return {
    secret: {
      repository: repositoryId(data.repository),
      config0: objectName(data.config0),
      config: objectName(data.config),
      client: clientId(data.client),
      certificate: fromBase64(data.certificate),
      keys: data.role === 'full' ? fullKeys(data.keys) : writeKeys(data.keys),
    },
    seeds:
      signSeed === undefined || kemSeed === undefined
        ? undefined
        : { signSeed: fromBase64(signSeed), kemSeed: fromBase64(kemSeed) },
  };
}

/** @throws NeoError integrity unless epochs rise */
function contentsOf(json: ContentsJson = []): ContentEpochSecrets[] {
  if (json.some(({ epoch }, at) => epoch <= (json[at - 1]?.epoch ?? 0))) {
    throw new NeoError('integrity', 'key slot is malformed');
  }
  return json.map(({ epoch, data, tree, list }) => ({
    epoch,
    data: fromBase64(data),
    tree: fromBase64(tree),
    list: fromBase64(list),
  }));
}

interface FullKeysJson {
  root: string;
  epochs: { epoch: number; sealSeed: string; signSeed: string }[];
  contents?: ContentsJson;
}

function fullKeys(keys: FullKeysJson): SlotKeys {
  return {
    role: 'full',
    root: fromBase64(keys.root),
    epochs: keys.epochs.map((pair) => ({
      epoch: pair.epoch,
      sealSeed: fromBase64(pair.sealSeed),
      signSeed: fromBase64(pair.signSeed),
    })),
    contents: contentsOf(keys.contents),
  };
}

interface WriteKeysJson {
  'content.data': string;
  'content.tree': string;
  'content.list': string;
  'content.file': string;
  chunker: string;
  index: string;
  domain?: string | undefined;
  contents?: ContentsJson;
}

function writeKeys(keys: WriteKeysJson): SlotKeys {
  return {
    role: 'write',
    contentData: fromBase64(keys['content.data']),
    contentTree: fromBase64(keys['content.tree']),
    contentList: fromBase64(keys['content.list']),
    contentFile: fromBase64(keys['content.file']),
    chunker: fromBase64(keys.chunker),
    index: fromBase64(keys.index),
    ...(keys.domain === undefined ? {} : { domain: fromBase64(keys.domain) }),
    contents: contentsOf(keys.contents),
  };
}
