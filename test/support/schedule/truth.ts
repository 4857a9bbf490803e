/**
 * What storage really holds, followed from outside, and the invariants I1 to I6: asked after each operation that can
 * break them. Nothing here goes through the code under test but the decoders of packs and snapshots.
 */
import type { MemoryBackend } from '../../../src/backends/memory.ts';
import { toHex } from '../../../src/core/bytes.ts';
import type { ObjectName } from '../../../src/core/ids.ts';
import { blobIdOf } from '../../../src/engine/keys.ts';
import { loadIndex } from '../../../src/repo/indexed.ts';
import { FOOTER_LENGTH, openDirectory, readFooter } from '../../../src/repo/pack/pack.ts';
import type { Repository } from '../../../src/repo/repository.ts';
import { listSnapshots } from '../../../src/snapshot/listing.ts';
import { listRemovals } from '../../../src/snapshot/removal.ts';
import { decodeSnapshot } from '../../../src/snapshot/snapshot.ts';
import { reachable } from '../../../src/tasks/reachable.ts';
import { reopened } from './reopened.ts';

const CONFIRM_WITHIN = 300_000;

interface StoredSnapshot {
  readonly client: string;
  readonly needs: ReadonlySet<string>;
  readonly confirmed: boolean;
}

interface StoredRemoval {
  readonly snapshot: string;
  readonly trashEnds: number;
  name: string | undefined;
  undone: boolean;
}

interface StoredPack {
  readonly author: string;
  readonly full: boolean;
  readonly ids: ReadonlySet<string>;
}

export class Truth {
  readonly #storage: MemoryBackend;
  #repository: Repository;
  readonly #now: () => number;
  /** Packs that are there: blobs that can be opened, and whose they are. */
  readonly #packs: Map<string, StoredPack>;
  readonly #snapshots: Map<string, StoredSnapshot>;
  /** Root in hex → ids below it. */
  readonly #needs: Map<string, ReadonlySet<string>>;
  readonly #removals: StoredRemoval[];
  /** What honest clients were told to be done. */
  readonly acknowledged: Set<string>;

  /** @param before what was true of the storage that this one is a copy of */
  constructor(storage: MemoryBackend, repository: Repository, now: () => number, before?: Truth) {
    this.#storage = storage;
    this.#repository = repository;
    this.#now = now;
    this.#packs = new Map(before === undefined ? [] : before.#packs);
    this.#snapshots = new Map(before === undefined ? [] : before.#snapshots);
    this.#needs = new Map(before === undefined ? [] : before.#needs);
    this.#removals = before === undefined ? [] : before.#removals.map((removal) => ({ ...removal }));
    this.acknowledged = new Set(before?.acknowledged);
  }

  /** Of a snapshot that is about to be stored. */
  announce(snapshot: Uint8Array, needs: ReadonlySet<string>): void {
    this.#needs.set(toHex(this.#repository.engine.blake3(snapshot)), needs);
  }

  /** @throws Error when an invariant does not hold any more */
  async happened(what: 'put' | 'remove', path: string, actor: string): Promise<void> {
    const name = path.slice(path.lastIndexOf('/') + 1);
    const is = path.slice(0, path.indexOf('/'));
    if (is === 'config') this.#repository = await reopened(this.#repository);
    if (what === 'put') await this.#stored(is, name, path, actor);
    else this.#removedObject(is, name, actor);
  }

  async #stored(is: string, name: string, path: string, actor: string): Promise<void> {
    if (is === 'packs') await this.#addPack(name, path);
    if (is === 'snapshots') await this.#addSnapshot(name, path, actor);
    if (is === 'removals' && actor.startsWith('rewriter')) await this.#addRemoval(name);
  }

  #removedObject(is: string, name: string, actor: string): void {
    if (is === 'packs') {
      this.#packs.delete(name);
      this.#demandAll(`${actor} removed pack ${name.slice(0, 8)}`);
    }
    if (is !== 'snapshots') return;
    if (this.isProtected(name)) throw new Error(`${actor} removed snapshot ${name.slice(0, 8)}, which nobody removed`);
    this.#snapshots.delete(name);
  }

  async #addPack(name: string, path: string): Promise<void> {
    const bytes = this.#packs.has(name) ? undefined : await this.#storage.get(path);
    if (bytes === undefined) return;
    const length = readFooter(bytes.subarray(bytes.length - FOOTER_LENGTH), bytes.length);
    const start = bytes.length - FOOTER_LENGTH - length;
    const { author, entries } = openDirectory(
      { ...this.#repository, indexKey: this.#repository.keys.index },
      bytes.subarray(start, start + length),
    );
    const ids = new Set(entries.map(({ id }) => toHex(id)));
    this.#packs.set(name, { author: author.client, full: author.role === 'full', ids });
  }

  async #addSnapshot(name: string, path: string, actor: string): Promise<void> {
    if (this.#snapshots.has(name)) return;
    const info = await this.#storage.stat(path);
    const bytes = await this.#storage.get(path);
    const needs = actor.startsWith('rewriter') ? await this.#reached(name, actor) : this.#needs.get(name);
    if (bytes === undefined || info === undefined || needs === undefined) return;
    const { head } = decodeSnapshot(this.#repository, bytes);
    const confirmed = info.modified - head.validated <= CONFIRM_WITHIN;
    this.#snapshots.set(name, { client: head.client, needs, confirmed });
  }

  /** What was made anew is known by what can be reached, and what should be is in it, too. */
  async #reached(name: string, actor: string): Promise<ReadonlySet<string>> {
    const { snapshots } = await listSnapshots(this.#repository, this.#repository.keys.full?.epochs ?? []);
    const tree = snapshots.find((snapshot) => snapshot.name === name)?.body.tree;
    if (tree === undefined) throw new Error(`${actor} stored snapshot ${name.slice(0, 8)}, which cannot be opened`);
    const { table } = await reachable(await loadIndex(this.#repository, 64), [{ tree }], { workers: 0 });
    return new Set([...table.entries()].map(({ key }) => toHex(blobIdOf(this.#repository.engine, key))));
  }

  /** By a rewrite, which says only at its end what it removed. */
  async #addRemoval(name: string): Promise<void> {
    const { removals } = await listRemovals(this.#repository);
    const made = removals.find((removal) => removal.name === name);
    for (const snapshot of made?.snapshots ?? []) this.removed(snapshot, made?.trashEnds ?? 0).named(name);
  }

  /** Somebody is about to remove it; `named` is told later what the removal is called. */
  removed(snapshot: string, trashEnds: number): { named(removal: string): void } {
    const removal: StoredRemoval = { snapshot, trashEnds, name: undefined, undone: false };
    this.#removals.push(removal);
    return {
      named(name: string): void {
        removal.name = name;
      },
    };
  }

  /** Whoever asked for it was told that they are there again. @throws Error when one is not whole */
  broughtBack(removal: string, snapshots: readonly string[]): void {
    for (const known of this.#removals) if (known.name === removal) known.undone = true;
    for (const name of snapshots) if (this.isProtected(name)) this.demand(name, 'brought back');
  }

  acknowledge(name: ObjectName): void {
    this.acknowledged.add(name);
    if (this.#snapshots.has(name)) this.demand(name, 'acknowledged');
  }

  /** It must be whole. */
  isProtected(name: string): boolean {
    const snapshot = this.#snapshots.get(name);
    if (snapshot === undefined || !(snapshot.confirmed || this.acknowledged.has(name))) return false;
    return !this.#removals.some(
      (removal) => removal.snapshot === name && !removal.undone && removal.trashEnds <= this.#now(),
    );
  }

  get protectedOnes(): readonly string[] {
    return [...this.#snapshots.keys()].filter((name) => this.isProtected(name));
  }

  /** All that are there, protected or not. */
  get present(): readonly string[] {
    return [...this.#snapshots.keys()];
  }

  needsOf(name: string): ReadonlySet<string> {
    return this.#snapshots.get(name)?.needs ?? new Set();
  }

  #demandAll(when: string): void {
    for (const name of this.protectedOnes) this.demand(name, when);
  }

  demand(name: string, when: string): void {
    const snapshot = this.#snapshots.get(name);
    if (snapshot === undefined) return;
    const trusted = [...this.#packs.values()].filter(({ author, full }) => full || author === snapshot.client);
    for (const id of snapshot.needs) {
      if (!trusted.some(({ ids }) => ids.has(id))) {
        throw new Error(`I1: ${when}: snapshot ${name.slice(0, 8)} has lost blob ${id.slice(0, 8)}`);
      }
    }
  }
}
