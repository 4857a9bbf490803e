/**
 * Keeps what is put into remote storage also on this machine, until it is closed: what is then copied into other repositories need
 * not be fetched again. In one file without a name, of which nothing is left whatever becomes of the process; packs are sealed.
 */
import { type FileHandle, mkdir, open, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { type Backend, type ByteRange, type ObjectInfo, readInto } from './backend.ts';
import { checkRange } from './path.ts';

export interface KeepOptions {
  /** Where the file is; it is made. */
  readonly folder: string;
  /** Bytes; what is put after that is not kept. */
  readonly most: number;
}

/** Without room for such a file nothing is kept. */
export async function keepPacks(inner: Backend, { folder, most }: KeepOptions): Promise<Backend> {
  try {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    const path = join(folder, `packs-${process.pid}-${crypto.randomUUID()}.tmp`);
    const file = await open(path, 'wx+', 0o600);
    // Where an open file must have a name it loses it in the end.
    const isNameless = await rm(path).then(
      () => true,
      () => false,
    );
    return new KeptPacks(inner, { file, most, ...(isNameless ? {} : { path }) });
  } catch {
    return inner;
  }
}

interface Store {
  readonly file: FileHandle;
  readonly most: number;
  readonly path?: string;
}

class KeptPacks implements Backend {
  readonly location: string;
  readonly isRemote: boolean | undefined;
  readonly isGuarded: boolean | undefined;
  readonly tree: Backend['tree'];
  readonly #inner: Backend;
  readonly #store: Store;
  readonly #kept = new Map<string, ByteRange>();
  /** Of the file. */
  #end = 0;
  #isFull = false;

  constructor(inner: Backend, store: Store) {
    this.location = inner.location;
    this.isRemote = inner.isRemote;
    this.isGuarded = inner.isGuarded;
    this.tree = inner.tree?.bind(inner);
    this.#inner = inner;
    this.#store = store;
  }

  async put(path: string, bytes: Uint8Array): Promise<void> {
    // Both at once; and `bytes` are in use until both are done.
    const [stored, range] = await Promise.allSettled([this.#inner.put(path, bytes), this.#keep(path, bytes)]);
    if (stored.status === 'rejected') throw stored.reason;
    if (range.status === 'fulfilled' && range.value !== undefined) this.#kept.set(path, range.value);
  }

  async #keep(path: string, bytes: Uint8Array): Promise<ByteRange | undefined> {
    if (!path.startsWith('packs/') || this.#isFull || this.#end + bytes.length > this.#store.most) return undefined;
    const range = { offset: this.#end, length: bytes.length };
    this.#end += bytes.length;
    try {
      for (let at = 0; at < bytes.length; ) {
        const { bytesWritten } = await this.#store.file.write(bytes, at, bytes.length - at, range.offset + at);
        at += bytesWritten;
      }
      return range;
    } catch {
      // Of the disk; storage has it.
      this.#isFull = true;
      return undefined;
    }
  }

  async get(path: string): Promise<Uint8Array | undefined> {
    const kept = this.#kept.get(path);
    if (kept !== undefined) {
      const bytes = new Uint8Array(kept.length);
      if (await this.#read(kept.offset, bytes)) return bytes;
    }
    return this.#inner.get(path);
  }

  async getRange(path: string, range: ByteRange): Promise<Uint8Array | undefined> {
    if (!this.#kept.has(path)) return this.#inner.getRange(path, range);
    const bytes = new Uint8Array(range.length);
    return (await this.getInto(path, range.offset, bytes)) ? bytes : undefined;
  }

  async getInto(path: string, offset: number, target: Uint8Array): Promise<boolean> {
    const kept = this.#kept.get(path);
    if (kept !== undefined) {
      checkRange(path, kept.length, { offset, length: target.length });
      if (await this.#read(kept.offset + offset, target)) return true;
    }
    return readInto(this.#inner, path, offset, target);
  }

  /** False: it cannot be read here. */
  async #read(from: number, target: Uint8Array): Promise<boolean> {
    try {
      for (let at = 0; at < target.length; ) {
        const { bytesRead } = await this.#store.file.read(target, at, target.length - at, from + at);
        if (bytesRead === 0) return false;
        at += bytesRead;
      }
      return true;
    } catch {
      return false;
    }
  }

  async remove(path: string): Promise<void> {
    this.#kept.delete(path);
    await this.#inner.remove(path);
  }

  prepareToPut(): void {
    this.#inner.prepareToPut?.();
  }

  async settle(): Promise<void> {
    await this.#inner.settle?.();
  }

  list(folder: string): AsyncIterable<ObjectInfo> {
    return this.#inner.list(folder);
  }

  stat(path: string): Promise<ObjectInfo | undefined> {
    return this.#inner.stat(path);
  }

  now(): Promise<number> {
    return this.#inner.now();
  }

  async close(): Promise<void> {
    await this.#inner.close();
    await this.#store.file.close().catch(() => undefined);
    if (this.#store.path !== undefined) await rm(this.#store.path, { force: true }).catch(() => undefined);
  }
}
