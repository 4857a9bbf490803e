/**
 * Objects on their way to storage that has to know their hash and length before their first byte: a file each, in a folder of one target.
 *
 * Before anything is sent that changes the storage, a note beside the file says what. It goes when the storage has answered; whatever is found
 * noted later may have been done, or may yet be done by a store that is slow, and is to be done again before anybody relies on what is there.
 * Nothing is synced: a kill leaves what was written, and after a power cut no store is still at work.
 */
import { createReadStream } from 'node:fs';
import { mkdir, open, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { concatBytes, toHex } from '../core/bytes.ts';
import { systemCode } from '../core/errors.ts';
import type { Random } from '../core/random.ts';
import { integer, z } from '../core/schema.ts';
import { Sha256 } from '../engine/sha256.ts';
import type { BucketBody } from './bucket.ts';
import { storageError } from './local-errors.ts';
import { readFully, unlinkQuietly, withFile } from './local-files.ts';
import { isPath } from './path.ts';

const path = z.string().check(z.refine(isPath));
const sha256 = z.string().check(z.regex(/^[0-9a-f]{64}$/));
const deedSchema = z.union([
  z.strictObject({ put: path, mark: z.string(), length: integer(0), sha256 }),
  z.strictObject({ remove: path }),
]);
/** `boot`: of the system. What comes from before a power cut is as old as the disk's last sync, and may long have been done, and undone. */
const noteSchema = z.strictObject({ boot: z.string(), deed: deedSchema });
/** What is about to be changed. */
export type Deed = z.infer<typeof deedSchema>;

/** So much is sent from memory: a connection that turns out to be closed is replaced at once then. */
const IN_MEMORY = 64 << 10;
const READ_BYTES = 256 << 10;
const NOTE = '.json';

export interface Noted {
  readonly name: string;
  readonly deed: Deed;
  /** Of a put. */
  readonly body: SpooledBody;
  /** It is decided. */
  drop(): Promise<void>;
}

export interface SpooledBody extends BucketBody {
  read(offset: number, length: number): Promise<Uint8Array>;
}

/** All bytes of one object. */
export interface Spooled {
  readonly name: string;
  readonly body: SpooledBody;
  /** It is not needed. */
  drop(): Promise<void>;
}

export class Spool {
  readonly #folder: string;
  readonly #random: Random;
  readonly #boot: Promise<string> = bootId();
  #made: Promise<unknown> | undefined;

  constructor(folder: string, random: Random) {
    this.#folder = folder;
    this.#random = random;
  }

  /** @throws what `pieces` throws, and NeoError of the disk; then nothing is left */
  async take(pieces: AsyncIterable<Uint8Array>): Promise<Spooled> {
    const name = await this.#newName();
    const file = join(this.#folder, name);
    const hash = new Sha256();
    let first: Uint8Array[] = [];
    let length = 0;
    try {
      const handle = await open(file, 'wx', 0o600);
      try {
        for await (const piece of pieces) {
          hash.update(piece);
          await handle.writeFile(piece);
          length += piece.length;
          // Whoever sends may use its memory again.
          if (length <= IN_MEMORY) first.push(Uint8Array.from(piece));
          else first = [];
        }
      } finally {
        await handle.close();
      }
    } catch (error) {
      await unlinkQuietly(file);
      throw storageError(error, `keep an object in ${this.#folder}`);
    }
    const bytes = length <= IN_MEMORY ? concatBytes(...first) : undefined;
    const about = { length, sha256: toHex(await hash.digest()) };
    return { name, body: bodyIn(file, about, bytes), drop: () => unlinkQuietly(file) };
  }

  /** To be done only after this. */
  async note(deed: Deed, spooled?: Spooled): Promise<Noted> {
    const name = spooled?.name ?? (await this.#newName());
    const note = JSON.stringify({ boot: await this.#boot, deed });
    try {
      await writeFile(join(this.#folder, name + NOTE), note, { flag: 'wx', mode: 0o600 });
    } catch (error) {
      throw storageError(error, `write into ${this.#folder}`);
    }
    return this.#noted(name, deed, spooled?.body);
  }

  /** What an earlier process has left: what is noted; the rest is removed. */
  async left(): Promise<Noted[]> {
    const names = await namesIn(this.#folder);
    const found: Noted[] = [];
    for (const name of names.filter((each) => each.endsWith(NOTE))) {
      const noted = await this.#read(name.slice(0, -NOTE.length));
      if (noted !== undefined) found.push(noted);
    }
    const kept = new Set(found.flatMap(({ name }) => [name, name + NOTE]));
    for (const name of names) if (!kept.has(name)) await unlinkQuietly(join(this.#folder, name));
    return found;
  }

  async #read(name: string): Promise<Noted | undefined> {
    const bytes = await readFile(join(this.#folder, name + NOTE), 'utf8');
    const parsed = noteSchema.safeParse(jsonOf(bytes));
    if (!parsed.success || parsed.data.boot !== (await this.#boot)) return undefined;
    const { deed } = parsed.data;
    if ('put' in deed && (await hashOfFile(join(this.#folder, name))) !== deed.sha256) return undefined;
    return this.#noted(name, deed);
  }

  #noted(name: string, deed: Deed, body?: SpooledBody): Noted {
    const file = join(this.#folder, name);
    const about = 'put' in deed ? deed : { length: 0, sha256: '' };
    return {
      ...{ name, deed, body: body ?? bodyIn(file, about) },
      async drop() {
        await unlinkQuietly(file + NOTE);
        if ('put' in deed) await unlinkQuietly(file);
      },
    };
  }

  async #newName(): Promise<string> {
    this.#made ??= mkdir(this.#folder, { recursive: true, mode: 0o700 });
    await this.#made.catch((error: unknown) => {
      this.#made = undefined;
      throw storageError(error, `make ${this.#folder}`);
    });
    return toHex(this.#random.bytes(16));
  }
}

function bodyIn(file: string, { length, sha256: hash }: Omit<BucketBody, 'open'>, bytes?: Uint8Array): SpooledBody {
  return {
    ...{ length, sha256: hash },
    open: (): Uint8Array | Readable => bytes ?? createReadStream(file, { highWaterMark: READ_BYTES }),
    async read(offset, most) {
      const found = await withFile(file, (handle) => readFully(handle, offset, most));
      return found ?? new Uint8Array();
    },
  };
}

/** Another one after each start of the system; empty where it does not tell. */
async function bootId(): Promise<string> {
  return readFile('/proc/sys/kernel/random/boot_id', 'utf8').then(
    (text) => text.trim(),
    () => '',
  );
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

async function hashOfFile(file: string): Promise<string | undefined> {
  const hash = new Sha256();
  try {
    for await (const piece of createReadStream(file, { highWaterMark: READ_BYTES })) hash.update(piece as Uint8Array);
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return undefined;
    throw error;
  }
  return toHex(await hash.digest());
}

async function namesIn(folder: string): Promise<string[]> {
  return readdir(folder).catch((error: unknown) => {
    if (systemCode(error) === 'ENOENT') return [];
    throw storageError(error, `look into ${folder}`);
  });
}
