/**
 * Objects of a bucket of Amazon's S3, or of another store that speaks its protocol.
 *
 * put: one PUT with `If-None-Match: *`, never in parts (CompleteMultipartUpload takes no such condition everywhere). A
 * store that answers 501 to the condition is looked at before it is written to: docs/backends.md says what that means.
 * Times are whole seconds, for that is what HEAD answers, and so is the clock.
 */

import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import { setTimeout } from 'node:timers/promises';
import { equalBytes, utf8 } from '../core/bytes.ts';
import { NeoError } from '../core/errors.ts';
import type { Backend, ByteRange, ObjectInfo } from './backend.ts';
import { bodyOf, dropBody, readBody, wholeBody } from './bodies.ts';
import type { Bucket, BucketPage, Outcome } from './bucket.ts';
import { isStranger } from './local-strangers.ts';
import { checkFolder, checkPath, checkRange, conflict, isPath, TEMPORARY_FOLDER } from './path.ts';
import type { RateLimit, RateLimits } from './rate-limit.ts';
import { beginsAt, infoOf, lengthOf, type Page, readPage } from './s3/answers.ts';
import { type Payload, S3Client, type S3Surroundings } from './s3/client.ts';
import { isAbsent, noBucket, s3Error, statusOf } from './s3/errors.ts';
import { hashOf } from './s3/payload.ts';
import { lateRefusal, Refusal } from './s3/refusal.ts';
import { type S3Place, showS3 } from './s3-location.ts';

/** Such a store may also be late with its lists. */
const SETTLES_IN_MS = 10_000;
/** A thousand keys, each of a thousand bytes, and what is said of them. */
const LONGEST_PAGE = 8 << 20;
const BYTES = { 'content-type': 'application/octet-stream' };
/** Also below the folder of a target. */
const PACK = /(?:^|\/)packs\//;
/** By whom an object was put, where that is asked for. */
const MARK = 'x-amz-meta-neo-put';

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
  return openBucket(place, options);
}

/** The same, for servers. */
export async function openBucket(place: S3Place, options: S3Options = {}): Promise<Bucket> {
  const backend = new S3Backend(place, await S3Client.make(place, options.s3), options);
  if (options.create === true) {
    await backend.reach();
    await backend.learn();
  }
  return backend;
}

/** As strangerAt of location.ts. */
export async function strangerOnS3(place: S3Place, s3?: S3Surroundings): Promise<string | undefined> {
  const client = await S3Client.make(place, s3);
  try {
    const { prefix } = place;
    const page = await listPage(client, { prefix, delimiter: '/' });
    const folders = (page?.prefixes ?? []).map((found) => found.slice(prefix.length, -1));
    const files = (page?.objects ?? []).map(({ key }) => key.slice(prefix.length));
    // A "folder" as consoles make them is an empty object of the prefix itself.
    const file = files.find((name) => name !== '' && isStranger(name, false));
    return folders.find((name) => isStranger(name, true)) ?? file;
  } catch (error) {
    const failure = s3Error(error, `look into ${showS3(place)}`);
    if (failure.code === 'no-repository') return undefined;
    throw failure;
  } finally {
    client.close();
  }
}

/** Undefined: it is none. What answers anything with a page of its own, as networks in hotels do, must not look like an empty bucket. */
async function listPage(client: S3Client, query: Readonly<Record<string, string>>): Promise<Page | undefined> {
  const answer = await client.send({ method: 'GET', query: { 'list-type': '2', ...query } });
  return readPage(await wholeBody(answer, LONGEST_PAGE));
}

class S3Backend implements Bucket {
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
    await this.#run(`open ${this.location}`, async () => {
      try {
        await this.#headersOf({});
      } catch (error) {
        if (statusOf(error) !== 404) throw error;
        if (this.#options.createBucket !== true) throw noBucket(this.location, error);
        await this.#makeBucket();
      }
    });
  }

  /** "CreateBucket", Amazon S3 API Reference: the first of all regions has no name there. */
  async #makeBucket(): Promise<void> {
    const { region } = this.#client;
    const where = `<LocationConstraint>${region}</LocationConstraint>`;
    const body = `<CreateBucketConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/">${where}</CreateBucketConfiguration>`;
    await this.#store({}, await payloadOf(region === 'us-east-1' ? new Uint8Array() : utf8(body)));
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
    const first = await this.#putOnce(key, await payloadOf(Uint8Array.of(1)));
    if (first === 'taken') return;
    if (first === 'stored' && (await this.#putOnce(key, await payloadOf(Uint8Array.of(2)))) === 'taken') return;
    this.#knowsConditions = false;
    if (this.#options.create !== true) return;
    this.#options.onNote?.(
      'this store overwrites objects if it is told to: neo looks before it stores (docs/backends.md)',
    );
  }

  async put(path: string, bytes: Uint8Array): Promise<void> {
    checkPath(path);
    await this.#run(`store ${path}`, async () => {
      const outcome = await this.#putNew(path, await payloadOf(bytes, this.#limits.upload));
      if (outcome === 'taken') await this.#compare(path, bytes);
    });
  }

  async putBody(path: string, body: Payload, mark: string): Promise<Outcome> {
    checkPath(path);
    return this.#run(`store ${path}`, () => this.#putNew(path, body, { [MARK]: mark }));
  }

  async markOf(path: string): Promise<{ readonly size: number; readonly mark: string | undefined } | undefined> {
    checkPath(path);
    return this.#run(`look at ${path}`, async () => {
      const headers = await this.#headersOf({ key: this.#keyOf(path) }).catch(absent);
      if (headers === undefined) return undefined;
      return { size: lengthOf(path, headers), mark: headers[MARK]?.toString() };
    });
  }

  async #putNew(path: string, body: Payload, marked: Record<string, string> = {}): Promise<Outcome> {
    await this.learn();
    const key = this.#keyOf(path);
    const headers = { ...this.#classOf(path), ...marked };
    if (this.#knowsConditions) {
      const outcome = await this.#putOnce(key, body, headers);
      if (outcome !== 'unknown') return outcome;
      this.#knowsConditions = false;
    }
    if ((await this.#head(key)) !== undefined) return 'taken';
    await this.#store({ key, headers: { ...BYTES, ...headers } }, body);
    return 'stored';
  }

  async #putOnce(key: string, body: Payload, headers = {}): Promise<Outcome | 'unknown'> {
    try {
      await this.#store({ key, headers: { ...BYTES, ...headers, 'if-none-match': '*' } }, body);
      return 'stored';
    } catch (error) {
      // Some say so in the body of an answer that begins well.
      if (error instanceof Refusal && (error.status === 412 || error.reason === 'PreconditionFailed')) return 'taken';
      if (statusOf(error) === 501) return 'unknown';
      throw error;
    }
  }

  async #store(where: { key?: string; headers?: Record<string, string> }, body: Payload): Promise<void> {
    const answer = await this.#client.send({ method: 'PUT', ...where, body });
    const late = lateRefusal(answer, await wholeBody(answer, LONGEST_PAGE));
    if (late !== undefined) throw late;
  }

  #classOf(path: string): Record<string, string> {
    const { storageClass } = this.#place;
    return storageClass === undefined || !PACK.test(path) ? {} : { 'x-amz-storage-class': storageClass };
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
      const bytes = new Uint8Array(lengthOf(path, found.headers));
      await readBody(found, bytes, this.#limits.download);
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
      const length = lengthOf(path, found.headers);
      const isRange = beginsAt(found.headers, offset);
      if (length !== target.length || !isRange) dropBody(found);
      if (!isRange) throw new NeoError('failed', `${this.location} does not answer ranges`);
      checkRange(path, offset + length, range);
      await readBody(found, target, this.#limits.download);
      return true;
    });
  }

  /** @throws NeoError integrity when the object ends before the range begins */
  async #fetch(path: string, range?: ByteRange): Promise<IncomingMessage | undefined> {
    const headers: Record<string, string> =
      range === undefined ? {} : { range: `bytes=${range.offset}-${range.offset + range.length - 1}` };
    try {
      return await this.#client.send({ method: 'GET', key: this.#keyOf(path), headers });
    } catch (error) {
      if (isAbsent(error)) return undefined;
      if (statusOf(error) === 416 && range !== undefined) checkRange(path, 0, range);
      throw error;
    }
  }

  async *list(folder: string): AsyncIterable<ObjectInfo> {
    checkFolder(folder);
    let token: string | undefined;
    do {
      const { objects, next } = await this.#page(folder, token === undefined ? {} : { 'continuation-token': token });
      yield* this.#infosOf(objects);
      if (next !== undefined && next === token) throw new NeoError('failed', `${this.location} lists without end`);
      token = next;
    } while (token !== undefined);
  }

  async pageAfter(folder: string, after: string): Promise<BucketPage> {
    checkFolder(folder);
    const from: Record<string, string> = after === '' ? {} : { 'start-after': this.#keyOf(after) };
    const { objects, next } = await this.#page(folder, from);
    const last = objects.at(-1)?.key.slice(this.#place.prefix.length);
    if (next !== undefined && (last === undefined || last <= after)) {
      throw new NeoError('failed', `${this.location} lists without end`);
    }
    return { objects: [...this.#infosOf(objects)], next: next === undefined ? undefined : last };
  }

  async folders(folder: string): Promise<string[]> {
    checkFolder(folder);
    const found: string[] = [];
    const { length } = `${this.#keyOf(folder)}/`;
    let token: string | undefined;
    do {
      const from: Record<string, string> = token === undefined ? {} : { 'continuation-token': token };
      const { prefixes, next } = await this.#page(folder, { delimiter: '/', ...from });
      found.push(...prefixes.map((prefix) => prefix.slice(length, -1)));
      if (next !== undefined && next === token) throw new NeoError('failed', `${this.location} lists without end`);
      token = next;
    } while (token !== undefined);
    return found;
  }

  *#infosOf(objects: Page['objects']): Iterable<ObjectInfo> {
    for (const { key, size, modified } of objects) {
      const path = key.slice(this.#place.prefix.length);
      if (isPath(path)) yield infoOf(path, size, modified);
    }
  }

  #page(folder: string, more: Readonly<Record<string, string>>): Promise<Page> {
    const prefix = folder === '' ? this.#place.prefix : `${this.#place.prefix}${folder}/`;
    return this.#run(`list ${folder === '' ? this.location : folder}`, async () => {
      const page = await listPage(this.#client, { prefix, ...more });
      if (page === undefined) throw new NeoError('failed', `${this.location} does not answer as a bucket`);
      return page;
    });
  }

  async stat(path: string): Promise<ObjectInfo | undefined> {
    checkPath(path);
    const info = await this.#run(`look at ${path}`, () => this.#head(this.#keyOf(path)));
    return info === undefined ? undefined : { ...info, path };
  }

  async #head(key: string): Promise<ObjectInfo | undefined> {
    const headers = await this.#headersOf({ key }).catch(absent);
    return headers && infoOf(key, headers['content-length'], headers['last-modified']);
  }

  async #headersOf(of: { key?: string }): Promise<IncomingHttpHeaders> {
    const answer = await this.#client.send({ method: 'HEAD', ...of });
    answer.resume();
    return answer.headers;
  }

  async remove(path: string): Promise<void> {
    checkPath(path);
    await this.#run(`remove ${path}`, () => this.#delete(this.#keyOf(path)));
  }

  async #delete(key: string): Promise<void> {
    try {
      (await this.#client.send({ method: 'DELETE', key })).resume();
    } catch (error) {
      if (!isAbsent(error)) throw error;
    }
  }

  /** The time at which the store answered: the header that every server sends (RFC 9110, section 6.6.1). */
  async now(): Promise<number> {
    return this.#run('ask for the time', async () => {
      const now = Date.parse((await this.#headersOf({})).date ?? '');
      if (Number.isNaN(now)) throw new NeoError('failed', `${this.location} does not tell the time`);
      return now;
    });
  }

  async close(): Promise<void> {
    this.#client.close();
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

/** What is sent is what was hashed: bytes that change on the way, or here, are not stored. */
async function payloadOf(bytes: Uint8Array, limit?: RateLimit): Promise<Payload> {
  return { length: bytes.length, sha256: await hashOf(bytes), open: () => bodyOf(bytes, limit) };
}

/** HEAD has no body that could say what is not there. */
function absent(error: unknown): undefined {
  if (statusOf(error) !== 404) throw error;
}
