/** One run of a writer: its packs go up, and segments tell where their blobs are. Each is durable before the next. */
import pLimit from 'p-limit';
import { toHex } from '../core/bytes.ts';
import { NeoError } from '../core/errors.ts';
import { type ObjectName, objectName, type SessionId, sessionId } from '../core/ids.ts';
import type { StageClock } from '../core/stages.ts';
import type { FinishedPack } from './blob-entry.ts';
import { encodeSegment, type PackRecord } from './index/segment.ts';
import type { IndexedRepository } from './indexed.ts';
import type { ObjectCache } from './object-cache.ts';
import { packPath } from './pack/pack.ts';
import { givePackBuffer } from './pack/pack-buffers.ts';
import { newId } from './repository.ts';
import { HEARTBEAT_MS, putHeartbeat } from './session.ts';
import { encodeSealedSigned } from './signed-object.ts';

export interface SessionWriterOptions {
  /** Uploads at a time. */
  readonly uploads: number;
  /** Nothing is stored; what would be is counted. */
  readonly dryRun: boolean;
  /** Called when a pack is stored, or never will be, and its memory is free. */
  readonly onStored: (bytes: number) => void;
  /** Called once, when an upload has failed: nothing more needs to be made. */
  readonly onFailed?: () => void;
  /** Keeps what the next run asks for: trees, segments, the snapshot. */
  readonly objects?: ObjectCache | undefined;
  /** Measures what writing takes. */
  readonly clock?: StageClock;
}

/**
 * A run that is killed loses the knowledge of packs that no segment names yet: a minute's worth on a slow line, and
 * some hundred MB on a fast one. One small object for four packs or more, at most every five seconds.
 */
const INTERIM_MS = 60_000;
const INTERIM_BYTES = 64 << 20;
const INTERIM_LEAST_MS = 5_000;
/** Segments of that many blobs (3.7 MB) go out at once, to bound memory. */
const SEGMENT_BLOBS = 50_000;

export class SessionWriter {
  readonly session: SessionId;
  readonly #repository: IndexedRepository;
  readonly #options: SessionWriterOptions;
  readonly #limit: ReturnType<typeof pLimit>;
  readonly #uploads = new Set<Promise<void>>();
  /** Stored packs that no final segment names yet. */
  #records: PackRecord[] = [];
  /** Stored packs that no segment names yet, and their numbers in the index. */
  readonly #unnamed = new Map<PackRecord, number>();
  /** Of the records, how many an interim segment names. */
  #published = 0;
  #interim = false;
  #lastSegment: number;
  readonly #started: number;
  #lastBeat: number;
  #beats = 0;
  #failure: unknown;
  #storedBytes = 0;
  readonly #finals: ObjectName[] = [];

  constructor(repository: IndexedRepository, options: SessionWriterOptions) {
    this.#repository = repository;
    this.#options = options;
    this.#limit = pLimit(options.uploads);
    this.session = sessionId(newId(repository.random));
    this.#started = repository.clock.monotonic();
    this.#lastSegment = this.#started;
    this.#lastBeat = this.#started;
  }

  /** Bytes written to the repository so far. */
  get storedBytes(): number {
    return this.#storedBytes;
  }

  /** Final segments published so far. */
  get segments(): readonly ObjectName[] {
    return this.#finals;
  }

  /** Takes a pack; its failure shows at {@link settle}. */
  add(pack: FinishedPack): void {
    const upload = this.#limit(() => this.#store(pack)).catch((error: unknown) => this.#fail(error));
    this.#uploads.add(upload);
    void upload.finally(() => this.#uploads.delete(upload));
  }

  /** From now on nothing is published. */
  #fail(error: unknown): void {
    if (this.#failure !== undefined) return;
    this.#failure = error;
    this.#options.onFailed?.();
  }

  /** @throws what an upload failed with */
  throwIfFailed(): void {
    if (this.#failure !== undefined) throw this.#failure;
  }

  async #store(pack: FinishedPack): Promise<void> {
    try {
      if (this.#failure === undefined) {
        await this.#put(packPath(pack.name), pack.bytes);
        if (pack.entries[0]?.kind !== 'data') await this.#keep(pack.name, pack.bytes);
        // Not after a failure: a put that was given up may still be sending from it.
        givePackBuffer(pack.bytes);
      }
    } finally {
      // A failed one frees its memory too: whoever waits for room must learn of the failure, not wait for ever.
      this.#options.onStored(pack.bytes.length);
    }
    if (this.#failure !== undefined) return;
    const { certificate } = this.#repository.signer;
    const record: PackRecord = {
      name: pack.name,
      size: pack.bytes.length,
      author: certificate.client,
      authorRole: certificate.role,
      entries: pack.entries,
    };
    this.#records.push(record);
    if (!this.#options.dryRun) this.#unnamed.set(record, this.#place(record));
    await this.#checkpoint();
  }

  #place({ name, size, entries }: PackRecord): number {
    const number = this.#repository.packs.push({ name, size, trusted: true, author: this.#repository.client }) - 1;
    for (const { id, offset, length } of entries) {
      this.#repository.index.insert(id, { pack: number, offset, length, trusted: true });
    }
    return number;
  }

  /** Resolves when no more than the allowed uploads are under way. */
  async room(): Promise<void> {
    while (this.#uploads.size > this.#options.uploads) await Promise.race(this.#uploads);
    this.throwIfFailed();
  }

  async #put(path: string, bytes: Uint8Array): Promise<void> {
    const { dryRun, clock } = this.#options;
    const put = (): Promise<void> => this.#repository.backend.put(path, bytes);
    if (!dryRun) await (clock === undefined ? put() : clock.timeLater('write', bytes.length, put));
    this.#storedBytes += bytes.length;
  }

  async #keep(name: ObjectName, bytes: Uint8Array): Promise<void> {
    if (!this.#options.dryRun) await this.#options.objects?.write(name, bytes);
  }

  /** Publishes a segment when it is time. */
  async #checkpoint(): Promise<void> {
    await this.#beat();
    const blobs = this.#records.reduce((sum, { entries }) => sum + entries.length, 0);
    const full = blobs >= SEGMENT_BLOBS;
    if (!full && !this.#interimIsDue()) return;
    this.#lastSegment = this.#repository.clock.monotonic();
    if (full) {
      this.#published = 0;
      await this.#publish(this.#records.splice(0), []);
      return;
    }
    const records = this.#records.slice(this.#published);
    this.#published = this.#records.length;
    this.#interim = true;
    await this.#publish(records, undefined);
  }

  /** A long run tells prune that it is at work. */
  async #beat(): Promise<void> {
    const { clock, backend } = this.#repository;
    const now = clock.monotonic();
    if (this.#options.dryRun || now - this.#lastBeat < HEARTBEAT_MS) return;
    this.#lastBeat = now;
    const time = Math.max(0, Math.floor((await backend.now()) - (now - this.#started)));
    const beat = { session: this.session, n: this.#beats++, time, generation: 0 };
    // It is advice: what stores packs and fails at this will fail at them.
    await putHeartbeat(this.#repository, beat).catch(() => undefined);
  }

  #interimIsDue(): boolean {
    const passed = this.#repository.clock.monotonic() - this.#lastSegment;
    const unnamed = this.#records.slice(this.#published);
    if (unnamed.length === 0 || passed < INTERIM_LEAST_MS) return false;
    return passed >= INTERIM_MS || unnamed.reduce((sum, { size }) => sum + size, 0) >= INTERIM_BYTES;
  }

  /** Waits for all uploads, then publishes what no final segment names yet. @throws what an upload failed with */
  async finish(): Promise<void> {
    await Promise.all(this.#uploads);
    this.throwIfFailed();
    if (this.#records.length === 0 && !this.#interim) return;
    try {
      await this.#publish(this.#records.splice(0), this.#interim ? [this.session] : []);
    } catch (error) {
      this.#fail(error);
      throw error;
    }
    this.#interim = false;
    this.#published = 0;
  }

  /**
   * After a run, however it ended: what is being stored is waited for, and what still waits is given up. A run that
   * failed names the packs that it stored, so that the next one need not send them again. What no segment names after
   * that leaves the index: a snapshot that rested on it could not be read.
   */
  async close(): Promise<void> {
    this.#failure ??= new NeoError('failed', 'the run is over');
    await Promise.all(this.#uploads);
    if (this.#unnamed.size > 0) await this.#publish([...this.#unnamed.keys()], undefined).catch(() => undefined);
    this.#repository.index.dropClaims(new Set(this.#unnamed.values()));
  }

  /** `covered` undefined: interim, into the session's folder. */
  async #publish(packs: readonly PackRecord[], covered: readonly SessionId[] | undefined): Promise<ObjectName> {
    const repository = this.#repository;
    const body = encodeSegment({
      final: covered !== undefined,
      session: this.session,
      covered: covered ?? [],
      replaced: [],
      packs,
    });
    const bytes = encodeSealedSigned(repository, 'index', repository.keys.index, repository.signer, body);
    const name = objectName(toHex(repository.engine.blake3(bytes)));
    await this.#put(covered === undefined ? `index/${this.session}/${name}` : `index/${name}`, bytes);
    for (const pack of packs) this.#unnamed.delete(pack);
    if (covered === undefined) return name;
    this.#finals.push(name);
    await this.#keep(name, bytes);
    return name;
  }

  /** Stores the snapshot object. Only after {@link finish}. @throws what an upload failed with */
  async putSnapshot(bytes: Uint8Array): Promise<ObjectName> {
    this.throwIfFailed();
    if (this.#uploads.size + this.#records.length > 0) throw new NeoError('failed', 'packs are not in an index yet');
    const name = objectName(toHex(this.#repository.engine.blake3(bytes)));
    await this.#put(`snapshots/${name}`, bytes);
    await this.#keep(name, bytes);
    return name;
  }
}
