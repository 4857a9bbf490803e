/** Files of an SFTP server: what the backend needs of them, in as few round trips as there can be. */
import pLimit from 'p-limit';
import type { ByteRange } from '../backend.ts';
import type { RateLimits } from '../rate-limit.ts';
import { type SftpChannel, StatusError } from './channel.ts';
import { type Attributes, OPEN, type PacketReader, PacketWriter, REPLY, REQUEST, STATUS } from './packets.ts';

/** What OpenSSH takes at once; what every server has to. */
const LARGE_REQUEST = 255 << 10;
const SMALL_REQUEST = 32 << 10;
/** Writes of one file under way. */
const WRITES = 16;
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
    } finally {
      await this.#closeHandle(handle);
    }
  }

  async #sync(handle: Uint8Array): Promise<void> {
    if (!this.#channel.extensions.has(FSYNC)) return;
    await this.#channel.request(REQUEST.extended, new PacketWriter().text(FSYNC).bytes(handle));
  }

  /** A folder is opened as a file, which OpenSSH allows; other servers are used without it. */
  async syncFolder(path: string): Promise<void> {
    if (!this.#syncsFolders || !this.#channel.extensions.has(FSYNC)) return;
    try {
      const handle = await this.#open(path, OPEN.read);
      try {
        await this.#sync(handle);
      } finally {
        await this.#closeHandle(handle);
      }
    } catch (error) {
      if (!(error instanceof StatusError)) throw error;
      if (error.status !== STATUS.absent) this.#syncsFolders = false;
    }
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
      const { size } = (
        await this.#channel.request(REQUEST.fstat, new PacketWriter().bytes(handle), REPLY.attrs)
      ).attributes();
      return this.#fill(handle, 0, size);
    });
  }

  /** `size`: as far as the file is known to go. Fewer bytes than asked for where it ends before. */
  async readRange(
    path: string,
    { offset, length }: ByteRange,
  ): Promise<{ readonly bytes: Uint8Array; readonly size: number } | undefined> {
    return this.#reading(path, async (handle) => {
      const bytes = await this.#fill(handle, offset, length);
      if (bytes.length === length && length > 0) return { bytes, size: offset + length };
      const stat = await this.#channel.request(REQUEST.fstat, new PacketWriter().bytes(handle), REPLY.attrs);
      const { size } = stat.attributes();
      return { bytes, size: bytes.length < length ? Math.min(size, offset + bytes.length) : size };
    });
  }

  async #reading<T>(path: string, work: (handle: Uint8Array) => Promise<T>): Promise<T | undefined> {
    const handle = await orAbsent(this.#open(path, OPEN.read));
    if (handle === undefined) return undefined;
    try {
      return await work(handle);
    } finally {
      await this.#closeHandle(handle);
    }
  }

  /** All requests at once: their answers are what was asked for, and no more. */
  async #fill(handle: Uint8Array, offset: number, length: number): Promise<Uint8Array> {
    const bytes = new Uint8Array(length);
    const parts: Promise<number>[] = [];
    const part = this.#limits.download?.part(this.#request) ?? this.#request;
    for (let at = 0; at < length; at += part) {
      parts.push(this.#fillPart(handle, offset, bytes, at, Math.min(part, length - at)));
    }
    let filled = 0;
    for (const [n, got] of (await Promise.all(parts)).entries()) {
      filled += got;
      if (got < Math.min(part, length - n * part)) break;
    }
    return bytes.subarray(0, filled);
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
      bytes.set(data, from + got);
      got += data.length;
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
      for (;;) {
        const reading = this.#channel.request(REQUEST.readdir, new PacketWriter().bytes(handle), REPLY.name);
        const reader = await orStatus(reading, STATUS.eof);
        if (reader === undefined) return entries;
        for (let left = reader.u32(); left > 0; left--) {
          const name = reader.bytes().toString();
          reader.bytes();
          entries.push({ name, attributes: reader.attributes() });
        }
      }
    } finally {
      await this.#closeHandle(handle);
    }
  }

  /** False when there is nothing to remove. */
  async remove(path: string): Promise<boolean> {
    return (await orAbsent(this.#channel.request(REQUEST.remove, new PacketWriter().text(path)))) !== undefined;
  }

  /** False if it was there already. */
  async makeFolder(path: string): Promise<boolean> {
    try {
      await this.#channel.request(REQUEST.mkdir, new PacketWriter().text(path).mode(0o700));
      return true;
    } catch (error) {
      if (!(error instanceof StatusError)) throw error;
      const there = await this.lstat(path);
      if (there?.is === 'folder') return false;
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
    try {
      const stat = await this.#channel.request(REQUEST.fstat, new PacketWriter().bytes(handle), REPLY.attrs);
      return stat.attributes().modified;
    } finally {
      await this.#closeHandle(handle);
      await this.remove(path);
    }
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

  async #closeHandle(handle: Uint8Array): Promise<void> {
    await this.#channel.request(REQUEST.close, new PacketWriter().bytes(handle));
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
