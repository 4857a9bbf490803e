/** What the snapshot of a share says of it (docs/format.md, section 8). */
import { fromBase64, fromByteString, toBase64, toByteString } from '../core/bytes.ts';
import { NeoError } from '../core/errors.ts';
import { type ClientId, type ContentKey, clientId, contentKey, type ObjectName, objectName } from '../core/ids.ts';
import type { Json } from '../core/json.ts';
import { byteString, hexName, integer, moment, z } from '../core/schema.ts';
import { SHARE_ID, type ShareId, shareId } from '../repo/share.ts';

export interface SharedAs {
  readonly id: ShareId;
  /** What opens its objects, 32 bytes. */
  readonly key: Uint8Array;
  /** Milliseconds; 0 = never. */
  readonly expires: number;
  /** What it shows a directory or file of, and when that was taken, milliseconds. */
  readonly of: ObjectName;
  readonly path: Uint8Array;
  readonly taken: number;
  /** Of whom it was made for, as they call themselves. */
  readonly recipient?: string;
  /** It goes on to show what comes. */
  readonly follow?: Follow;
}

/** Which snapshots a share follows, and how far it has (docs/decisions/0018-shares.md). */
export interface Follow {
  /** Who took the first one: of keys that may only write, those of no other are followed. */
  readonly client: ClientId;
  readonly host: string;
  readonly paths: readonly Uint8Array[];
  /** Of keys, when the share's own was made: who was left out since may know that. */
  readonly epoch: number;
  /** 0 of the first state; of two states the one of the higher step is later. */
  readonly step: number;
  /** The directory in the snapshot, of which the share's tree was made; absent for a file. */
  readonly source?: ContentKey;
  /** When storage received the first state, milliseconds; absent in that one. */
  readonly made?: number;
}

/** Milliseconds: ECMA-262, section 21.4.1.1. */
const LAST_TIME = 8.64e15;
const count = integer(0);
export const clientHex = z.string().check(z.regex(/^[0-9a-f]{32}$/));
const followSchema = z.object({
  client: clientHex,
  host: z.string(),
  paths: z.array(byteString),
  epoch: count,
  step: count,
  source: z.optional(z.string()),
  made: z.optional(moment),
});
export const sharedSchema = z.object({
  id: z.string().check(z.regex(SHARE_ID)),
  key: z.string(),
  expires: moment,
  of: hexName,
  path: byteString,
  taken: integer(-LAST_TIME, LAST_TIME),
  recipient: z.optional(z.string()),
  follow: z.optional(followSchema),
});

export function sharedJson({ follow, ...share }: SharedAs): Json {
  return {
    ...share,
    key: toBase64(share.key),
    path: toByteString(share.path) as Json,
    follow: follow && {
      ...follow,
      paths: follow.paths.map((path) => toByteString(path) as Json),
      source: follow.source && toBase64(follow.source),
    },
  };
}

/** @throws NeoError integrity */
export function sharedAs(data: z.infer<typeof sharedSchema>): SharedAs {
  const { id, expires, of, path, taken, recipient, follow } = data;
  const key = fromBase64(data.key);
  if (key.length !== 32) throw new NeoError('integrity', 'snapshot has a key of a wrong length');
  return {
    id: shareId(id),
    key,
    expires,
    of: objectName(of),
    path: fromByteString(path),
    taken,
    ...(recipient === undefined ? {} : { recipient }),
    ...(follow === undefined ? {} : { follow: followOf(follow) }),
  };
}

function followOf({ client, host, paths, epoch, step, source, made }: z.infer<typeof followSchema>): Follow {
  return {
    client: clientId(client),
    host,
    paths: paths.map((path) => fromByteString(path)),
    epoch,
    step,
    ...(source === undefined ? {} : { source: contentKey(fromBase64(source)) }),
    ...(made === undefined ? {} : { made }),
  };
}
