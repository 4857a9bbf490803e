/** Where a server keeps its objects is chosen at its first start, and kept to: its database counts what lies there. */
import type { Kysely } from 'kysely';
import type { S3Options } from '../../backends/s3.ts';
import type { S3Place } from '../../backends/s3-location.ts';
import { utf8 } from '../../core/bytes.ts';
import { isNeoError, NeoError } from '../../core/errors.ts';
import type { Tables } from '../database/tables.ts';
import type { TargetBucket } from './bucket.ts';
import { type FoldersOptions, TargetFolders } from './folders.ts';
import type { TargetStorage } from './storage.ts';

export interface StoreOptions {
  readonly place: S3Place;
  readonly s3?: S3Options['s3'];
}

export interface ChoiceOptions extends FoldersOptions {
  readonly db: Kysely<Tables>;
  /** Of this server. */
  readonly site: string;
  /** Without it the objects lie in the data folder. */
  readonly store: StoreOptions | undefined;
}

const SETTING = 'store';
const FOLDERS = 'targets';
/** In the bucket: whose it is. */
const OWNER = 'neo-server';

/**
 * @throws NeoError usage when it is another place than before; already-exists when another server keeps its objects there; of the bucket,
 * when it is not there or cannot be reached
 */
export async function openTargetStorage(options: ChoiceOptions): Promise<TargetStorage> {
  const { db, store } = options;
  const asked = store === undefined ? FOLDERS : nameOf(store.place);
  const known = await knownStore(db);
  if (known !== undefined && known !== asked) throw another(known, asked);
  const storage = store === undefined ? new TargetFolders(options) : await openOwn(options, store);
  if (known === undefined) await db.insertInto('settings').values({ name: SETTING, value: asked }).execute();
  return storage;
}

/** Servers from before there was a choice have their targets in folders. */
async function knownStore(db: Kysely<Tables>): Promise<string | undefined> {
  const row = await db.selectFrom('settings').where('name', '=', SETTING).select('value').executeTakeFirst();
  if (row !== undefined) return row.value;
  const target = await db.selectFrom('targets').select('id').limit(1).executeTakeFirst();
  return target === undefined ? undefined : FOLDERS;
}

/** Its endpoint may get another name. */
function nameOf({ bucket, prefix }: S3Place): string {
  return `s3://${bucket}/${prefix}`;
}

function another(known: string, asked: string): NeoError {
  const place = (name: string): string => (name === FOLDERS ? 'its data folder' : name);
  const hint =
    known === FOLDERS
      ? 'leave out --store; a new server with another --data-root can keep its objects in a bucket'
      : `start it with --store ${known.replace(/\/$/, '')} and the endpoint of the bucket, if it has one`;
  return new NeoError('usage', `this server keeps its objects in ${place(known)}, not in ${place(asked)}`, { hint });
}

async function openOwn({ site, ...options }: ChoiceOptions, store: StoreOptions): Promise<TargetBucket> {
  // The client of buckets is for those who have one.
  const bucket = await import('./bucket.ts');
  const storage = await bucket.TargetBucket.open({ ...options, ...store }).catch((cause: unknown) => {
    if (!isNeoError(cause, 'no-repository')) throw cause;
    throw new NeoError(cause.code, cause.message, { hint: 'make the bucket first: a server makes none', cause });
  });
  try {
    await storage.line.steady.put(OWNER, utf8(`${site}\n`));
    return storage;
  } catch (cause) {
    await storage.close();
    if (!isNeoError(cause, 'integrity')) throw cause;
    throw new NeoError('already-exists', `another server keeps its objects in ${storage.location}`, {
      hint: 'give each server a prefix of its own; one whose database is lost: docs/server.md, "Objects in a bucket"',
      cause,
    });
  }
}
