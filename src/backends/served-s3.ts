/**
 * A target of a server in a bucket: a view of one folder of it. Only one server may use that folder.
 *
 * A store may still do what it was asked for when nobody waits for it any more, be it that the line was cut or the server killed. So what changes
 * something is noted first (spool.ts), and as long as nobody knows whether it was done, whoever looks at that path, or counts, has it done again
 * before: of two puts of one object a store takes one, so whatever comes late changes nothing any more.
 */
import { equalBytes, toHex } from '../core/bytes.ts';
import { isNeoError, NeoError } from '../core/errors.ts';
import type { Random } from '../core/random.ts';
import type { ByteRange, ObjectInfo, OpenObject, ServedBackend } from './backend.ts';
import type { BucketLine } from './bucket-line.ts';
import { BucketObject } from './bucket-object.ts';
import { joinRanges } from './join-ranges.ts';
import { checkFolder, checkPath, checkRange, conflict, isPath } from './path.ts';
import type { Deed, Noted, Spool, SpooledBody } from './spool.ts';

export interface ServedS3Options {
  readonly line: BucketLine;
  /** Below the prefix of the bucket. */
  readonly folder: string;
  /** Its own. */
  readonly spool: Spool;
  readonly random: Random;
}

type Put = Extract<Deed, { put: string }>;

const COMPARE_BYTES = 1 << 20;

/** What an earlier process left undecided is done first. @throws NeoError of the bucket and of the disk of the spool */
export async function openServedS3(options: ServedS3Options): Promise<ServedBackend> {
  const backend = new ServedS3(options, await options.spool.left());
  await backend.decideAll();
  return backend;
}

class ServedS3 implements ServedBackend {
  readonly location: string;
  readonly isRemote = true;
  readonly #options: ServedS3Options;
  readonly #line: BucketLine;
  /** By path: what nobody knows of whether it was done, or will be. */
  readonly #undecided = new Map<string, Noted>();
  readonly #deciding = new Map<Noted, Promise<void>>();
  /** The last change of a path that is under way. */
  readonly #changes = new Map<string, Promise<unknown>>();

  constructor(options: ServedS3Options, left: readonly Noted[]) {
    this.location = `${options.line.bucket.location} (${options.folder})`;
    this.#options = options;
    this.#line = options.line;
    for (const noted of left) this.#undecided.set(pathOf(noted.deed), noted);
  }

  async put(path: string, bytes: Uint8Array): Promise<void> {
    const whole = async function* (): AsyncGenerator<Uint8Array> {
      yield bytes;
    };
    await this.putPieces(path, whole());
  }

  async putPieces(path: string, pieces: AsyncIterable<Uint8Array>): Promise<boolean> {
    checkPath(path);
    const { spool, random } = this.#options;
    const spooled = await spool.take(pieces);
    // Only what is whole has to wait for others of this path: a slow sender holds nobody up.
    return this.#inTurn(path, async () => {
      const { length, sha256 } = spooled.body;
      const deed: Put = { put: path, mark: toHex(random.bytes(16)), length, sha256 };
      let noted: Noted | undefined;
      try {
        await this.#decide(path);
        noted = await spool.note(deed, spooled);
      } finally {
        if (noted === undefined) await spooled.drop();
      }
      return this.#done(noted, (doubt) => this.#publish(deed, spooled.body, doubt));
    });
  }

  /** @param doubt is called when the store may have done it without saying so */
  async #publish({ put: path, mark }: Put, body: SpooledBody, doubt: Doubt): Promise<boolean> {
    const { bucket } = this.#line;
    const key = this.#keyOf(path);
    const outcome = await this.#line.ask(body.length, () =>
      bucket.putBody(key, body, mark).catch((error: unknown) => {
        if (isDoubtful(error)) doubt.isThere = true;
        throw error;
      }),
    );
    if (outcome === 'stored') return true;
    const there = await this.#line.ask(0, () => bucket.markOf(key));
    if (there?.mark === mark) return true;
    // It is somebody else's.
    doubt.isThere = false;
    await this.#compare(path, body, there?.size);
    return false;
  }

  async #compare(path: string, body: SpooledBody, size: number | undefined): Promise<void> {
    if (size === undefined) throw new NeoError('unreachable', `${path} vanished while it was stored`);
    if (size !== body.length) throw conflict(path);
    for (let offset = 0; offset < size; offset += COMPARE_BYTES) {
      const length = Math.min(COMPARE_BYTES, size - offset);
      const [ours, theirs] = await Promise.all([body.read(offset, length), this.getRange(path, { offset, length })]);
      if (theirs === undefined || !equalBytes(ours, theirs)) throw conflict(path);
    }
  }

  async remove(path: string): Promise<void> {
    checkPath(path);
    await this.#inTurn(path, async () => {
      await this.#decide(path);
      const noted = await this.#options.spool.note({ remove: path });
      await this.#done(noted, (doubt) => {
        doubt.isThere = true;
        return this.#line.steady.remove(this.#keyOf(path));
      });
    });
  }

  async #done<T>(noted: Noted, work: (doubt: Doubt) => Promise<T>): Promise<T> {
    const doubt: Doubt = { isThere: false };
    try {
      const result = await work(doubt);
      await noted.drop();
      return result;
    } catch (error) {
      if (doubt.isThere && isDoubtful(error)) this.#undecided.set(pathOf(noted.deed), noted);
      else await noted.drop();
      throw error;
    }
  }

  /** All that is not decided is. */
  async decideAll(): Promise<void> {
    await Promise.all([...this.#undecided.keys()].map((path) => this.#decide(path)));
  }

  /** @throws NeoError when the bucket cannot be asked: it stays as it is */
  async #decide(path: string): Promise<void> {
    const noted = this.#undecided.get(path);
    if (noted === undefined) return;
    const known = this.#deciding.get(noted) ?? this.#doAgain(noted);
    this.#deciding.set(noted, known);
    try {
      await known;
    } finally {
      this.#deciding.delete(noted);
    }
  }

  async #doAgain(noted: Noted): Promise<void> {
    const { deed, body } = noted;
    const { bucket } = this.#line;
    const key = this.#keyOf(pathOf(deed));
    // Either is an answer: it is there, whoever has put it.
    if ('put' in deed) await this.#line.once(deed.length, () => bucket.putBody(key, body, deed.mark));
    else await this.#line.once(0, () => bucket.remove(key));
    this.#undecided.delete(pathOf(deed));
    await noted.drop();
  }

  async get(path: string): Promise<Uint8Array | undefined> {
    checkPath(path);
    return this.#line.steady.get(this.#keyOf(path));
  }

  async getRange(path: string, range: ByteRange): Promise<Uint8Array | undefined> {
    checkPath(path);
    return this.#line.steady.getRange(this.#keyOf(path), range);
  }

  async getInto(path: string, offset: number, target: Uint8Array): Promise<boolean> {
    checkPath(path);
    return this.#line.steady.getInto(this.#keyOf(path), offset, target);
  }

  /** What lies close together is asked for at once. */
  async getRanges(path: string, ranges: readonly ByteRange[]): Promise<(Uint8Array | undefined)[] | undefined> {
    for (const range of ranges) checkRange(path, Number.MAX_SAFE_INTEGER, range);
    const info = await this.stat(path);
    if (info === undefined) return undefined;
    const isWithin = ({ offset, length }: ByteRange): boolean => offset + length <= info.size;
    const found: (Uint8Array | undefined)[] = ranges.map(() => undefined);
    const wanted = [...ranges.entries()].filter(([, range]) => isWithin(range));
    const read = joinRanges(wanted).map(async ({ offset, length, of }) => {
      const bytes = await this.getRange(path, { offset, length });
      for (const [n, range] of of) {
        const from = range.offset - offset;
        found[n] = of.length === 1 ? bytes : bytes?.slice(from, from + range.length);
      }
      return bytes !== undefined;
    });
    return (await Promise.all(read)).includes(false) ? undefined : found;
  }

  async openObject(path: string, wanted?: ByteRange): Promise<OpenObject | undefined> {
    const info = await this.stat(path);
    const key = this.#keyOf(path);
    return info && new BucketObject({ line: this.#line, key, path, size: info.size, wanted });
  }

  list(folder: string): AsyncIterable<ObjectInfo> {
    return this.listAfter(folder, '');
  }

  async *listAfter(folder: string, after: string): AsyncIterable<ObjectInfo> {
    checkFolder(folder);
    await this.decideAll();
    yield* objectsAfter(this.#line, this.#options.folder, folder, after);
  }

  async stat(path: string): Promise<ObjectInfo | undefined> {
    checkPath(path);
    await this.#decide(path);
    const info = await this.#line.steady.stat(this.#keyOf(path));
    return info && { ...info, path };
  }

  now(): Promise<number> {
    return this.#line.steady.now();
  }

  /** The line is everybody's. */
  async close(): Promise<void> {
    await Promise.allSettled(this.#changes.values());
  }

  #keyOf(path: string): string {
    return `${this.#options.folder}/${path}`;
  }

  async #inTurn<T>(path: string, work: () => Promise<T>): Promise<T> {
    const before = this.#changes.get(path);
    const mine = (async () => {
      // The outcome of the one before is its caller's affair.
      await before?.catch(() => undefined);
      return work();
    })();
    this.#changes.set(path, mine);
    try {
      return await mine;
    } finally {
      if (this.#changes.get(path) === mine) this.#changes.delete(path);
    }
  }
}

/** What is in a folder of a target, in order, by its paths there. */
export async function* objectsAfter(
  line: BucketLine,
  target: string,
  folder: string,
  after: string,
): AsyncIterable<ObjectInfo> {
  const below = folder === '' ? target : `${target}/${folder}`;
  for (let next: string | undefined = after === '' ? '' : `${target}/${after}`; next !== undefined; ) {
    const from: string = next;
    const page = await line.ask(Number.POSITIVE_INFINITY, () => line.bucket.pageAfter(below, from));
    for (const info of page.objects) {
      const path = info.path.slice(target.length + 1);
      if (isPath(path)) yield { ...info, path };
    }
    next = page.next;
  }
}

interface Doubt {
  isThere: boolean;
}

function pathOf(deed: Deed): string {
  return 'put' in deed ? deed.put : deed.remove;
}

/** Whoever could not be asked may have done it, or do it yet. */
function isDoubtful(error: unknown): boolean {
  return isNeoError(error, 'unreachable') && !error.isPermanent;
}
