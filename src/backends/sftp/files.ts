/** Files of an SFTP server: what the backend needs of them, in as few round trips as there can be. */
import pLimit from 'p-limit';
import { copyInto, discard } from '../../core/bytes.ts';
import type { RateLimits } from '../rate-limit.ts';
import { type SftpChannel, StatusError } from './channel.ts';
import { type Attributes, OPEN, type PacketReader, PacketWriter, REPLY, REQUEST, STATUS } from './packets.ts';

/** What OpenSSH takes at once; what every server has to. */
const LARGE_REQUEST = 255 << 10;
const SMALL_REQUEST = 32 << 10;
/** Writes of one file under way. */
const WRITES = 16;
/** Pages of a folder that are asked for at once: first, and at most. */
const FIRST_PAGES = 2;
const MOST_PAGES = 16;
const HARDLINK = 'hardlink@openssh.com';
const FSYNC = 'fsync@openssh.com';
const STATVFS = 'statvfs@openssh.com';

export interface FolderEntry {
  readonly name: string;
  readonly attributes: Attributes;
}

export class SftpFiles {
  readonly #channel: SftpChannel;
  readonly #request: number;
  readonly #limits: RateLimits;
  #syncsFolders = true;

  constructor(channel: SftpChannel, limits: RateLimits = {}) {
    this.#channel = channel;
    this.#limits = limits;
    this.#request = channel.extensions.has('limits@openssh.com') ? LARGE_REQUEST : SMALL_REQUEST;
  }

  /** Nothing can be asked any more. */
  get isBroken(): boolean {
    return this.#channel.isBroken;
  }

  get roundTrip(): number {
    return this.#channel.roundTrip;
  }

  async lstat(path: string): Promise<Attributes | undefined> {
    const reader = await orAbsent(this.#channel.request(REQUEST.lstat, new PacketWriter().text(path), REPLY.attrs));
    return reader?.attributes();
  }

  /** A new file with these bytes, durable where the server can. */
  async write(path: string, bytes: Uint8Array): Promise<void> {
    const handle = await this.#open(path, OPEN.write | OPEN.create | OPEN.exclusive);
    const limit = pLimit(WRITES);
    const sent: Promise<unknown>[] = [];
    const { upload } = this.#limits;
    const part = upload?.part(this.#request) ?? this.#request;
    for (let at = 0; at < bytes.length; at += part) {
      const body = bytes.subarray(at, at + part);
      sent.push(
        limit(async () => {
          await upload?.take(body.length);
          return this.#channel.request(REQUEST.write, new PacketWriter().bytes(handle).u64(at).bytes(body));
        }),
      );
    }
    try {
      await Promise.all(sent);
      await this.#sync(handle);
    } catch (error) {
      this.#letGo(handle);
      throw error;
    }
    // What is durable already cannot fail any more; elsewhere that is told here, or an open file cannot be renamed.
    if (this.#channel.extensions.has(FSYNC) && this.#channel.extensions.has(HARDLINK)) this.#letGo(handle);
    else await this.#channel.request(REQUEST.close, new PacketWriter().bytes(handle));
  }

  async #sync(handle: Uint8Array): Promise<void> {
    if (!this.#channel.extensions.has(FSYNC)) return;
    await this.#channel.request(REQUEST.extended, new PacketWriter().text(FSYNC).bytes(handle));
  }

  /** Makes durable what `change` does in a folder. */
  async syncFolder<T>(path: string, change: () => Promise<T>): Promise<T> {
    const opening = this.#openFolder(path);
    // Of two failures that of the change is told.
    opening.catch(() => undefined);
    const changed = await change();
    const handle = await opening;
    if (handle !== undefined) await this.#syncOpenFolder(handle);
    return changed;
  }

  /** As a file, which OpenSSH allows; other servers are used without it. */
  async #openFolder(path: string): Promise<Uint8Array | undefined> {
    if (!this.#syncsFolders || !this.#channel.extensions.has(FSYNC)) return undefined;
    return this.#open(path, OPEN.read).catch((error: unknown) => this.#noSync(error));
  }

  async #syncOpenFolder(handle: Uint8Array): Promise<void> {
    try {
      await this.#sync(handle).catch((error: unknown) => this.#noSync(error));
    } finally {
      this.#letGo(handle);
    }
  }

  #noSync(error: unknown): undefined {
    if (!(error instanceof StatusError)) throw error;
    if (error.status !== STATUS.absent) this.#syncsFolders = false;
  }

  /** False when something has the name already. The temporary name may still be there. */
  async publish(temporary: string, final: string): Promise<boolean> {
    const links = this.#channel.extensions.has(HARDLINK);
    const names = new PacketWriter();
    const body = (links ? names.text(HARDLINK) : names).text(temporary).text(final);
    try {
      await this.#channel.request(links ? REQUEST.extended : REQUEST.rename, body);
      return true;
    } catch (error) {
      if (!(error instanceof StatusError) || error.status !== STATUS.failure) throw error;
      if ((await this.lstat(final)) !== undefined) return false;
      throw error;
    }
  }

  async read(path: string): Promise<Uint8Array | undefined> {
    return this.#reading(path, async (handle) => {
      // The beginning, which is all of most, without waiting to hear how long it is.
      const guess = this.#limits.download === undefined ? new Uint8Array(this.#request) : new Uint8Array(0);
      const [{ size }, guessed] = await Promise.all([
        this.#statOf(handle),
        this.#fillPart(handle, 0, guess, 0, guess.length),
      ]);
      if (size <= guessed) return guess.slice(0, size);
      const bytes = new Uint8Array(size);
      bytes.set(guess.subarray(0, guessed));
      return bytes.subarray(0, guessed + (await this.#fill(handle, guessed, bytes.subarray(guessed))));
    });
  }

  /** Fills `bytes` from `offset` on, if the file is so long. @returns as far as it is known to go */
  async readInto(path: string, offset: number, bytes: Uint8Array): Promise<number | undefined> {
    return this.#reading(path, async (handle) => {
      const filled = await this.#fill(handle, offset, bytes);
      if (filled === bytes.length && filled > 0) return offset + filled;
      const { size } = await this.#statOf(handle);
      return filled < bytes.length ? Math.min(size, offset + filled) : size;
    });
  }

  async #reading<T>(path: string, work: (handle: Uint8Array) => Promise<T>): Promise<T | undefined> {
    const handle = await orAbsent(this.#open(path, OPEN.read));
    if (handle === undefined) return undefined;
    try {
      return await work(handle);
    } finally {
      this.#letGo(handle);
    }
  }

  async #statOf(handle: Uint8Array): Promise<Attributes> {
    return (await this.#channel.request(REQUEST.fstat, new PacketWriter().bytes(handle), REPLY.attrs)).attributes();
  }

  /** All requests at once: their answers are what was asked for, and no more. @returns how far it was filled */
  async #fill(handle: Uint8Array, offset: number, bytes: Uint8Array): Promise<number> {
    const { length } = bytes;
    const parts: Promise<number>[] = [];
    const part = this.#limits.download?.part(this.#request) ?? this.#request;
    for (let at = 0; at < length; at += part) {
      parts.push(this.#fillPart(handle, offset, bytes, at, Math.min(part, length - at)));
    }
    // The memory is somebody else's afterwards, also when one of them fails.
    await Promise.allSettled(parts);
    let filled = 0;
    for (const [n, got] of (await Promise.all(parts)).entries()) {
      filled += got;
      if (got < Math.min(part, length - n * part)) break;
    }
    return filled;
  }

  /** A server may give less than it was asked for. @returns how much there is */
  async #fillPart(
    handle: Uint8Array,
    offset: number,
    bytes: Uint8Array,
    from: number,
    length: number,
  ): Promise<number> {
    let got = 0;
    await this.#limits.download?.take(length);
    while (got < length) {
      const body = new PacketWriter()
        .bytes(handle)
        .u64(offset + from + got)
        .u32(length - got);
      const reader = await orStatus(this.#channel.request(REQUEST.read, body, REPLY.data), STATUS.eof);
      const data = reader?.bytes();
      if (data === undefined || data.length === 0 || data.length > length - got) return got;
      copyInto(bytes, from + got, data);
      got += data.length;
      discard(data);
    }
    return got;
  }

  /** Nothing for a folder that is not there. */
  async readFolder(path: string): Promise<FolderEntry[]> {
    const opened = await orAbsent(this.#channel.request(REQUEST.opendir, new PacketWriter().text(path), REPLY.handle));
    const handle = opened?.bytes();
    if (handle === undefined) return [];
    const entries: FolderEntry[] = [];
    try {
      for (let pages = FIRST_PAGES; ; pages = Math.min(MOST_PAGES, 2 * pages)) {
        const read = await Promise.all(Array.from({ length: pages }, () => this.#readPage(handle)));
        for (const page of read) entries.push(...(page ?? []));
        if (read.includes(undefined)) return entries;
      }
    } finally {
      this.#letGo(handle);
    }
  }

  /** Undefined when there are no more. */
  async #readPage(handle: Uint8Array): Promise<FolderEntry[] | undefined> {
    const reading = this.#channel.request(REQUEST.readdir, new PacketWriter().bytes(handle), REPLY.name);
    const reader = await orStatus(reading, STATUS.eof);
    const count = reader?.u32() ?? 0;
    if (reader === undefined || count === 0) return undefined;
    return Array.from({ length: count }, () => {
      const name = reader.bytes().toString();
      reader.bytes();
      return { name, attributes: reader.attributes() };
    });
  }

  /** False when there is nothing to remove. */
  async remove(path: string): Promise<boolean> {
    return (await orAbsent(this.#channel.request(REQUEST.remove, new PacketWriter().text(path)))) !== undefined;
  }

  /** False if it was there already. */
  async makeFolder(path: string): Promise<boolean> {
    const making = this.#channel.request(REQUEST.mkdir, new PacketWriter().text(path).mode(0o700));
    // Version 3 has no word for what is there already.
    const looking = this.lstat(path);
    looking.catch(() => undefined);
    try {
      await making;
      return true;
    } catch (error) {
      if (!(error instanceof StatusError)) throw error;
      if ((await looking)?.is === 'folder') return false;
      throw error;
    }
  }

  /** As `mkdir -p`; the last one may be reached by a symbolic link. */
  async makeFolders(path: string): Promise<void> {
    const parts = path.split('/');
    for (let end = 1; end <= parts.length; end++) {
      const at = parts.slice(0, end).join('/');
      if (at === '' || (await this.lstat(at)) !== undefined) continue;
      await this.makeFolder(at);
    }
  }

  /** The time that a new file is given, which is removed again. */
  async probe(path: string): Promise<number> {
    const handle = await this.#open(path, OPEN.write | OPEN.create | OPEN.exclusive);
    const stat = this.#statOf(handle);
    this.#letGo(handle);
    // What cannot be removed is swept later.
    const [{ modified }] = await Promise.all([stat, this.remove(path).catch(() => false)]);
    return modified;
  }

  /** Removes what is ours alone; nobody waits for it, and what stays is swept later. */
  discard(path: string): void {
    this.#channel.tell(REQUEST.remove, new PacketWriter().text(path));
  }

  /** Nothing is free for those who are not root; false where the server cannot say. */
  async isFull(path: string): Promise<boolean> {
    if (!this.#channel.extensions.has(STATVFS)) return false;
    try {
      const body = new PacketWriter().text(STATVFS).text(path);
      const reader: PacketReader = await this.#channel.request(REQUEST.extended, body, REPLY.extended);
      // bsize, frsize, blocks, bfree, bavail, files, ffree, favail
      const [, , , , bavail = 0, , , favail = 0] = Array.from({ length: 8 }, () => reader.u64());
      return bavail === 0 || favail === 0;
    } catch {
      return false;
    }
  }

  async #open(path: string, flags: number): Promise<Uint8Array> {
    const body = new PacketWriter().text(path).u32(flags);
    const reader = await this.#channel.request(
      REQUEST.open,
      (flags & OPEN.create) > 0 ? body.mode(0o600) : body.u32(0),
      REPLY.handle,
    );
    return reader.bytes();
  }

  /** Closes it; nobody waits for that, and the server closes what is left by itself. */
  #letGo(handle: Uint8Array): void {
    this.#channel.tell(REQUEST.close, new PacketWriter().bytes(handle));
  }

  async close(): Promise<void> {
    await this.#channel.close();
  }
}

async function orAbsent<T>(asked: Promise<T>): Promise<T | undefined> {
  return orStatus(asked, STATUS.absent);
}

async function orStatus<T>(asked: Promise<T>, status: number): Promise<T | undefined> {
  try {
    return await asked;
  } catch (error) {
    if (error instanceof StatusError && error.status === status) return undefined;
    throw error;
  }
}
