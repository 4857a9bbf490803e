/** Objects in memory: for the browser, for tests, and the ground of the simulator. Nothing survives the process. */
import { copyOf, equalBytes } from '../core/bytes.ts';
import type { Clock } from '../core/clock.ts';
import type { Backend, ByteRange, ObjectInfo } from './backend.ts';
import { checkFolder, checkPath, checkRange, conflict } from './path.ts';

interface StoredObject {
  readonly bytes: Uint8Array;
  readonly modified: number;
}

/** Each operation gives way once before its effect, and the effect is one step: so interleavings can be searched. */
export class MemoryBackend implements Backend {
  readonly location = 'memory:';
  readonly #clock: Clock;
  readonly #objects: Map<string, StoredObject>;

  constructor(clock: Clock, objects: Iterable<readonly [string, StoredObject]> = []) {
    this.#clock = clock;
    this.#objects = new Map(objects);
  }

  /** An independent copy of this moment, with the same clock unless another is given. */
  clone(clock: Clock = this.#clock): MemoryBackend {
    return new MemoryBackend(clock, this.#objects);
  }

  /** Changes storage behind the contract's back, as damage and attackers do; `undefined` deletes. */
  tamper(path: string, bytes: Uint8Array | undefined): void {
    if (bytes === undefined) this.#objects.delete(path);
    else
      this.#objects.set(path, {
        bytes: copyOf(bytes),
        modified: this.#objects.get(path)?.modified ?? this.#clock.now(),
      });
  }

  async put(path: string, bytes: Uint8Array): Promise<void> {
    checkPath(path);
    const copy = copyOf(bytes);
    await undefined;
    const existing = this.#objects.get(path);
    if (existing === undefined) this.#objects.set(path, { bytes: copy, modified: this.#clock.now() });
    else if (!equalBytes(existing.bytes, copy)) throw conflict(path);
  }

  async get(path: string): Promise<Uint8Array | undefined> {
    checkPath(path);
    await undefined;
    const bytes = this.#objects.get(path)?.bytes;
    return bytes === undefined ? undefined : copyOf(bytes);
  }

  async getRange(path: string, range: ByteRange): Promise<Uint8Array | undefined> {
    checkPath(path);
    await undefined;
    const bytes = this.#objects.get(path)?.bytes;
    if (bytes === undefined) return undefined;
    checkRange(path, bytes.length, range);
    return bytes.slice(range.offset, range.offset + range.length);
  }

  async *list(folder: string): AsyncIterable<ObjectInfo> {
    checkFolder(folder);
    await undefined;
    const prefix = folder === '' ? '' : `${folder}/`;
    for (const path of [...this.#objects.keys()]) {
      if (!path.startsWith(prefix)) continue;
      const info = this.#info(path);
      if (info !== undefined) yield info;
    }
  }

  async stat(path: string): Promise<ObjectInfo | undefined> {
    checkPath(path);
    await undefined;
    return this.#info(path);
  }

  async remove(path: string): Promise<void> {
    checkPath(path);
    await undefined;
    this.#objects.delete(path);
  }

  async now(): Promise<number> {
    await undefined;
    return this.#clock.now();
  }

  async close(): Promise<void> {
    await undefined;
  }

  #info(path: string): ObjectInfo | undefined {
    const object = this.#objects.get(path);
    return object === undefined ? undefined : { path, size: object.bytes.length, modified: object.modified };
  }
}
