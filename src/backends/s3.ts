/**
 * Objects of a bucket of Amazon's S3, or of another store that speaks its protocol.
 *
 * put: one PUT with `If-None-Match: *`, never in parts (CompleteMultipartUpload takes no such condition everywhere). A
 * store that answers 501 to the condition is looked at before it is written to: docs/backends.md says what that means.
 * Times are whole seconds, for that is what HEAD answers, and so is the clock.
 */
import { setTimeout } from 'node:timers/promises';
import {
  CreateBucketCommand,
  DeleteObjectCommand,
  GetObjectCommand,
  type GetObjectCommandOutput,
  HeadBucketCommand,
  HeadObjectCommand,
  ListObjectsV2Command,
  type ListObjectsV2CommandOutput,
  PutObjectCommand,
  type S3Client,
} from '@aws-sdk/client-s3';
import { equalBytes } from '../core/bytes.ts';
import { NeoError } from '../core/errors.ts';
import type { Backend, ByteRange, ObjectInfo } from './backend.ts';
import { bodyOf, dropBody, payloadHash, readBody } from './bodies.ts';
import { isStranger } from './local-strangers.ts';
import { checkFolder, checkPath, checkRange, conflict, isPath, TEMPORARY_FOLDER } from './path.ts';
import type { RateLimits } from './rate-limit.ts';
import { beginsAt, dateOf, infoOf, lengthOf } from './s3/answers.ts';
import { makeClient, type S3Surroundings, signBody } from './s3/client.ts';
import { isAbsent, noBucket, s3Error, statusOf } from './s3/errors.ts';
import { type S3Place, showS3 } from './s3-location.ts';

/** Such a store may also be late with its lists. */
const SETTLES_IN_MS = 10_000;

export interface S3Options {
  /** Try whether the store can refuse to overwrite, and say so if it cannot. */
  readonly create?: boolean;
  /** With `create`: make the bucket, if there is none. */
  readonly createBucket?: boolean;
  /** Milliseconds until all see what was stored, where the store does not refuse to overwrite; for tests. */
  readonly settleFor?: number;
  readonly s3?: S3Surroundings;
  readonly limits?: RateLimits;
  readonly onNote?: (message: string) => void;
}

/**
 * Nothing is asked yet, unless it is to be made: the first operation tells whether there is such a bucket.
 * @throws NeoError usage; no-repository when a bucket is missing that is not to be made, permission-denied, unreachable
 */
export async function openS3(place: S3Place, options: S3Options = {}): Promise<Backend> {
  const backend = new S3Backend(place, await makeClient(place, options.s3), options);
  if (options.create === true) {
    await backend.reach();
    await backend.learn();
  }
  return backend;
}

/** As strangerAt of location.ts. */
export async function strangerOnS3(place: S3Place, s3?: S3Surroundings): Promise<string | undefined> {
  const client = await makeClient(place, s3);
  try {
    const { bucket: Bucket, prefix: Prefix } = place;
    const page = await client.send(new ListObjectsV2Command({ Bucket, Prefix, Delimiter: '/' }));
    const folders = (page.CommonPrefixes ?? []).map((found) => (found.Prefix ?? '').slice(Prefix.length, -1));
    const files = (page.Contents ?? []).map((found) => (found.Key ?? '').slice(Prefix.length));
    // A "folder" as consoles make them is an empty object of the prefix itself.
    const file = files.find((name) => name !== '' && isStranger(name, false));
    return folders.find((name) => isStranger(name, true)) ?? file;
  } catch (error) {
    const failure = s3Error(error, `look into ${showS3(place)}`);
    if (failure.code === 'no-repository') return undefined;
    throw failure;
  } finally {
    client.destroy();
  }
}

class S3Backend implements Backend {
  readonly location: string;
  readonly isRemote = true;
  readonly #place: S3Place;
  readonly #client: S3Client;
  readonly #limits: RateLimits;
  readonly #options: S3Options;
  /** Until the store shows that it knows no such thing. */
  #knowsConditions = true;
  #learned: Promise<void> | undefined;

  constructor(place: S3Place, client: S3Client, options: S3Options) {
    this.location = showS3(place);
    this.#place = place;
    this.#client = client;
    this.#limits = options.limits ?? {};
    this.#options = options;
  }

  /** Is the bucket there, and is one let in? */
  async reach(): Promise<void> {
    const { bucket: Bucket } = this.#place;
    await this.#run(`open ${this.location}`, async () => {
      try {
        await this.#client.send(new HeadBucketCommand({ Bucket }));
      } catch (error) {
        if (statusOf(error) !== 404) throw error;
        if (this.#options.createBucket !== true) throw noBucket(this.location, error);
        await this.#client.send(new CreateBucketCommand({ Bucket }));
      }
    });
  }

  /** Does the store refuse to overwrite? A few ignore the condition, and answer as if all were well. */
  async learn(): Promise<void> {
    this.#learned ??= this.#run(`try ${this.location}`, () => this.#tryConditions());
    await this.#learned.catch((error: unknown) => {
      this.#learned = undefined;
      throw error;
    });
  }

  prepareToPut(): void {
    this.learn().catch(() => undefined);
  }

  async settle(): Promise<void> {
    if (!this.#knowsConditions) await setTimeout(this.#options.settleFor ?? SETTLES_IN_MS);
  }

  /** An object that stays: to be refused costs one request, and nobody need have the right to remove it. */
  async #tryConditions(): Promise<void> {
    const key = `${this.#place.prefix}${TEMPORARY_FOLDER}/conditional`;
    const first = await this.#putOnce(key, Uint8Array.of(1));
    if (first === 'taken' || (first === 'stored' && (await this.#putOnce(key, Uint8Array.of(2))) === 'taken')) return;
    this.#knowsConditions = false;
    if (this.#options.create !== true) return;
    this.#options.onNote?.(
      'this store overwrites objects if it is told to: neo looks before it stores (docs/backends.md)',
    );
  }

  async put(path: string, bytes: Uint8Array): Promise<void> {
    checkPath(path);
    await this.#run(`store ${path}`, async () => {
      await this.learn();
      const key = this.#keyOf(path);
      if (this.#knowsConditions) {
        const outcome = await this.#putOnce(key, bytes, this.#classOf(path));
        if (outcome === 'stored') return;
        if (outcome === 'taken') return this.#compare(path, bytes);
        this.#knowsConditions = false;
      }
      if ((await this.#head(key)) !== undefined) return this.#compare(path, bytes);
      await this.#send(key, bytes, this.#classOf(path));
    });
  }

  async #putOnce(key: string, bytes: Uint8Array, storageClass = {}): Promise<'stored' | 'taken' | 'unknown'> {
    try {
      await this.#send(key, bytes, { ...storageClass, IfNoneMatch: '*' });
      return 'stored';
    } catch (error) {
      const status = statusOf(error);
      // Some say so in the body of an answer that begins well.
      if (status === 412 || (error instanceof Error && error.name === 'PreconditionFailed')) return 'taken';
      if (status === 501) return 'unknown';
      throw error;
    }
  }

  async #send(key: string, bytes: Uint8Array, more: object): Promise<void> {
    const { upload } = this.#limits;
    const about = { Bucket: this.#place.bucket, Key: key, ContentLength: bytes.length, ...more };
    const command = new PutObjectCommand({ ...about, Body: bodyOf(bytes, upload) });
    if (upload !== undefined) signBody(command.middlewareStack, await payloadHash(bytes));
    await this.#client.send(command);
  }

  #classOf(path: string): { StorageClass?: 'STANDARD_IA' } {
    const { storageClass } = this.#place;
    // The type lists those of Amazon; other stores have their own.
    return storageClass === undefined || !path.startsWith('packs/')
      ? {}
      : { StorageClass: storageClass as 'STANDARD_IA' };
  }

  async #compare(path: string, bytes: Uint8Array): Promise<void> {
    const there = await this.get(path);
    if (there === undefined || !equalBytes(there, bytes)) throw conflict(path);
  }

  async get(path: string): Promise<Uint8Array | undefined> {
    checkPath(path);
    return this.#run(`read ${path}`, async () => {
      const found = await this.#fetch(path);
      if (found === undefined) return undefined;
      const bytes = new Uint8Array(lengthOf(path, found));
      await readBody(found.Body, bytes, this.#limits.download);
      return bytes;
    });
  }

  async getRange(path: string, range: ByteRange): Promise<Uint8Array | undefined> {
    checkPath(path);
    checkRange(path, Number.MAX_SAFE_INTEGER, range);
    const bytes = new Uint8Array(range.length);
    return (await this.getInto(path, range.offset, bytes)) ? bytes : undefined;
  }

  async getInto(path: string, offset: number, target: Uint8Array): Promise<boolean> {
    checkPath(path);
    const range = { offset, length: target.length };
    checkRange(path, Number.MAX_SAFE_INTEGER, range);
    return this.#run(`read ${path}`, async () => {
      if (target.length === 0) {
        const info = await this.#head(this.#keyOf(path));
        if (info !== undefined) checkRange(path, info.size, range);
        return info !== undefined;
      }
      const found = await this.#fetch(path, range);
      if (found === undefined) return false;
      const length = lengthOf(path, found);
      if (length !== target.length || !beginsAt(found, offset)) dropBody(found.Body);
      if (!beginsAt(found, offset)) throw new NeoError('failed', `${this.location} does not answer ranges`);
      checkRange(path, offset + length, range);
      await readBody(found.Body, target, this.#limits.download);
      return true;
    });
  }

  /** @throws NeoError integrity when the object ends before the range begins */
  async #fetch(path: string, range?: ByteRange): Promise<GetObjectCommandOutput | undefined> {
    const Range = range === undefined ? {} : { Range: `bytes=${range.offset}-${range.offset + range.length - 1}` };
    try {
      const request = { Bucket: this.#place.bucket, Key: this.#keyOf(path), ...Range };
      return await this.#client.send(new GetObjectCommand(request));
    } catch (error) {
      if (isAbsent(error)) return undefined;
      if (statusOf(error) === 416 && range !== undefined) checkRange(path, 0, range);
      throw error;
    }
  }

  async *list(folder: string): AsyncIterable<ObjectInfo> {
    checkFolder(folder);
    const { prefix } = this.#place;
    let token: string | undefined;
    do {
      const page = await this.#page(folder, token);
      for (const { Key = '', Size, LastModified } of page.Contents ?? []) {
        const path = Key.slice(prefix.length);
        if (isPath(path)) yield infoOf(path, Size, LastModified);
      }
      const next = page.IsTruncated === true ? page.NextContinuationToken : undefined;
      if (next !== undefined && next === token) throw new NeoError('failed', `${this.location} lists without end`);
      token = next;
    } while (token !== undefined);
  }

  #page(folder: string, token: string | undefined): Promise<ListObjectsV2CommandOutput> {
    const { bucket: Bucket, prefix } = this.#place;
    const Prefix = folder === '' ? prefix : `${prefix}${folder}/`;
    const from = token === undefined ? {} : { ContinuationToken: token };
    return this.#run(`list ${folder === '' ? this.location : folder}`, async () => {
      const page = await this.#client.send(new ListObjectsV2Command({ Bucket, Prefix, ...from }));
      // What answers anything with a page of its own, as networks in hotels do, must not look like an empty bucket.
      if (page.IsTruncated === undefined) throw new NeoError('failed', `${this.location} does not answer as a bucket`);
      return page;
    });
  }

  async stat(path: string): Promise<ObjectInfo | undefined> {
    checkPath(path);
    const info = await this.#run(`look at ${path}`, () => this.#head(this.#keyOf(path)));
    return info === undefined ? undefined : { ...info, path };
  }

  async #head(key: string): Promise<ObjectInfo | undefined> {
    try {
      const found = await this.#client.send(new HeadObjectCommand({ Bucket: this.#place.bucket, Key: key }));
      return infoOf(key, found.ContentLength, found.LastModified);
    } catch (error) {
      if (statusOf(error) === 404) return undefined;
      throw error;
    }
  }

  async remove(path: string): Promise<void> {
    checkPath(path);
    await this.#run(`remove ${path}`, () => this.#delete(this.#keyOf(path)));
  }

  async #delete(key: string): Promise<void> {
    await this.#client.send(new DeleteObjectCommand({ Bucket: this.#place.bucket, Key: key })).catch((error) => {
      if (!isAbsent(error)) throw error;
    });
  }

  /** The time at which the store answered. */
  async now(): Promise<number> {
    return this.#run('ask for the time', async () => {
      let date: string | undefined;
      const command = new HeadBucketCommand({ Bucket: this.#place.bucket });
      command.middlewareStack.add(
        (next) => async (args) => {
          const result = await next(args);
          date = dateOf(result.response);
          return result;
        },
        { step: 'deserialize', priority: 'high' },
      );
      await this.#client.send(command);
      const now = Date.parse(date ?? '');
      if (Number.isNaN(now)) throw new NeoError('failed', `${this.location} does not tell the time`);
      return now;
    });
  }

  async close(): Promise<void> {
    this.#client.destroy();
  }

  #keyOf(path: string): string {
    return this.#place.prefix + path;
  }

  async #run<T>(doing: string, work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      throw s3Error(error, doing);
    }
  }
}
