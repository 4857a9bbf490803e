/** A repository with a directory that is shared, its reader, and one who tries to read more. */
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import type { Backend } from '../../src/backends/backend.ts';
import { MemoryBackend } from '../../src/backends/memory.ts';
import { toHex } from '../../src/core/bytes.ts';
import type { Clock } from '../../src/core/clock.ts';
import { ignoreEvents, type NeoEvent } from '../../src/core/events.ts';
import { type ContentKey, contentKey } from '../../src/core/ids.ts';
import { systemRandom } from '../../src/core/random.ts';
import { openBlob } from '../../src/engine/aead.ts';
import { blobIdOf } from '../../src/engine/keys.ts';
import { fetchSealed } from '../../src/repo/blob-copier.ts';
import { BLOB_KINDS, type BlobKind } from '../../src/repo/blob-entry.ts';
import type { BlobPlace } from '../../src/repo/blob-index.ts';
import { BlobReader } from '../../src/repo/blob-reader.ts';
import { MemoryState } from '../../src/repo/client-state.ts';
import type { IndexedRepository } from '../../src/repo/indexed.ts';
import { encodeShareFile, parseShareFile, type ShareFile } from '../../src/repo/share-file.ts';
import { type OpenedShare, openShare, shareNumbers } from '../../src/repo/share-source.ts';
import { contentPieces } from '../../src/snapshot/content.ts';
import type { Node } from '../../src/snapshot/node.ts';
import { type LoadBlob, readTree } from '../../src/snapshot/tree.ts';
import { check } from '../../src/tasks/check.ts';
import { readFileContent } from '../../src/tasks/contents.ts';
import { type FollowOptions, followShares } from '../../src/tasks/follow-shares.ts';
import { forget } from '../../src/tasks/forget.ts';
import { listNodes } from '../../src/tasks/list.ts';
import { type PruneOptions, type PruneSummary, prune } from '../../src/tasks/prune.ts';
import { sharedSnapshot } from '../../src/tasks/shared.ts';
import { createShare, newShare } from '../../src/tasks/shares.ts';
import { lookAtSnapshots, type VisibleSnapshots } from '../../src/tasks/snapshots.ts';
import { SimClock } from '../support/sim-clock.ts';
import { tempFolder } from '../support/temp-repository.ts';
import { engine, noise, type TestOptions, TestRepository } from './backup-support.ts';

const MINUTE = 60_000;
export const DAY = 1440 * MINUTE;

export const PRUNE: PruneOptions = {
  mostUnused: { share: 0 },
  repackSmall: false,
  soleWriter: false,
  wait: false,
  dryRun: false,
  trustClock: false,
  workers: 0,
  pause: async () => undefined,
};

export const NOW = Date.UTC(2025, 5, 1, 12);

export interface Given {
  readonly file: ShareFile;
  /** What the secret in the file opens to. */
  readonly key: Uint8Array;
  readonly bytesAdded: number;
}

/** `talk` is shared; beside it lies `secret`, above it `top`, and `talk/gone` was deleted before. */
export class Ground {
  readonly clock = new SimClock(NOW);
  readonly backend = new MemoryBackend(this.clock);
  readonly folder: string;
  readonly made: TestRepository;
  readonly state = new MemoryState();

  private constructor(made: TestRepository, folder: string, clock: SimClock, backend: MemoryBackend) {
    this.made = made;
    this.folder = folder;
    this.clock = clock;
    this.backend = backend;
  }

  static async make(): Promise<Ground> {
    const clock = new SimClock(NOW);
    const backend = new MemoryBackend(clock);
    const folder = await tempFolder();
    const ground = new Ground(await TestRepository.make(backend, clock, 1 << 20), folder, clock, backend);
    mkdirSync(join(folder, 'talk/sub'), { recursive: true });
    mkdirSync(join(folder, 'secret'));
    for (let n = 0; n < 9; n++) {
      writeFileSync(join(folder, `talk/${n}`), `PUBLIC ${n}`.repeat(100));
      writeFileSync(join(folder, `secret/${n}`), `SECRET ${n}`.repeat(100));
    }
    writeFileSync(join(folder, 'top'), 'SECRET top'.repeat(100));
    writeFileSync(join(folder, 'secret/big'), Buffer.concat([Buffer.from('SECRET'), noise(600_000, 2)]));
    writeFileSync(join(folder, 'talk/gone'), 'SECRET gone'.repeat(100));
    writeFileSync(join(folder, 'talk/sub/big'), noise(1_500_000, 1));
    await ground.made.snapshot([folder]);
    rmSync(join(folder, 'talk/gone'));
    clock.advance(MINUTE);
    await ground.made.snapshot([folder]);
    clock.advance(MINUTE);
    return ground;
  }

  async look(): Promise<VisibleSnapshots> {
    return lookAtSnapshots(await this.made.open(), this.state, ignoreEvents);
  }

  async share(path = 'talk', expires = 0, follow = false): Promise<Given> {
    const repository = await this.made.open();
    const look = await this.look();
    const snapshot = look.snapshots.at(-1);
    if (snapshot === undefined) throw new Error('nothing to share');
    const fresh = newShare(repository);
    const at = Buffer.from(join(this.folder, path));
    const options = { look, snapshot, path: at, expires, follow, host: 'h', user: 'u', program: 'test', dryRun: false };
    const { bytesAdded } = await createShare(repository, this.state, fresh, options, ignoreEvents);
    const file: ShareFile = {
      repository: repository.id,
      config0: repository.slot.config0,
      share: fresh.id,
      location: 'here',
      name: at,
      expires,
      secret: { type: 'open', secret: fresh.key },
    };
    return { file: parseShareFile(encodeShareFile(file)), key: fresh.key, bytesAdded };
  }

  /** A snapshot of what is there now, a minute later. */
  async snapshot(more: TestOptions = {}): Promise<void> {
    this.clock.advance(MINUTE);
    await this.made.snapshot([this.folder], more);
    this.clock.advance(MINUTE);
  }

  async follow(more: Partial<FollowOptions> = {}, backend: Backend = this.backend, clock: Clock = this.clock) {
    const warnings: string[] = [];
    const hear = (event: NeoEvent): void => {
      if (event.type === 'warning') warnings.push(event.message);
    };
    const options = { host: 'h', user: 'u', program: 'test', dryRun: false, ...more };
    const repository = await this.made.at(backend, clock).open();
    return { ...(await followShares(repository, new MemoryState(), options, hear)), warnings };
  }

  async open({ file, key }: Given, backend: Backend = this.backend): Promise<OpenedShare> {
    return openShare({ engine, clock: this.clock, random: systemRandom }, backend, file, key);
  }

  /** Path → text or size, as its reader gets it. */
  async read(given: Given, backend?: Backend): Promise<Map<string, string>> {
    const { source, body } = await this.open(given, backend);
    const shown = sharedSnapshot('test', body);
    const found = new Map<string, string>();
    for await (const { path, node } of listNodes(source, shown, { recursive: true }, ignoreEvents)) {
      if (node.type !== 'file') continue;
      const parts: Uint8Array[] = [];
      for await (const stretch of readFileContent(source, shown, path)) {
        if (stretch.type === 'data') parts.push(stretch.bytes);
      }
      found.set(Buffer.from(path).toString(), Buffer.concat(parts).toString('latin1'));
    }
    return found;
  }

  async demandRead(given: Given, backend?: Backend): Promise<void> {
    const found = await this.read(given, backend);
    const names = [...Array.from({ length: 9 }, (_, n) => `${n}`), 'sub/big'];
    expect([...found.keys()].sort()).toEqual(names.map((name) => `/${name}`).sort());
    for (const name of names) {
      expect(found.get(`/${name}`) === readFileSync(join(this.folder, 'talk', name)).toString('latin1')).toBe(true);
    }
  }

  /** `but` the newest ones. */
  async forgetAll(but = 0): Promise<void> {
    const nothing = { hosts: [], tags: [], paths: [] };
    const references = (await this.look()).snapshots
      .toReversed()
      .slice(but)
      .map(({ name }) => name);
    const chosen = { rules: {}, groupBy: [], filter: nothing, references, trash: 0, dryRun: false, evenMost: true };
    await forget(await this.made.open(), this.state, chosen, ignoreEvents);
    this.clock.advance(MINUTE);
  }

  async prune(more: Partial<PruneOptions> = {}): Promise<PruneSummary> {
    return prune(await this.made.open(), this.state, { ...PRUNE, ...more }, ignoreEvents);
  }

  async packs(): Promise<string[]> {
    const names: string[] = [];
    for await (const { path } of this.backend.list('packs')) names.push(path);
    return names.sort();
  }

  async objects({ file }: Given): Promise<number[]> {
    return (await shareNumbers(this.backend, file.share)).map(({ n }) => n);
  }

  async demandWhole(): Promise<void> {
    const { damages } = await check(await this.made.open(), new MemoryState(), { readData: 'all' });
    expect(damages).toEqual([]);
  }
}

/** Anything in them that could be a key. */
function keysIn(plain: Iterable<Buffer>): Uint8Array[] {
  const texts = [...plain].flatMap((bytes) => bytes.toString('latin1').match(/[A-Za-z0-9_-]{43}/g) ?? []);
  return [...new Set(texts)].map((text) => Buffer.from(text, 'base64url'));
}

/** All that follows from a share: plaintexts of every blob for which it gives a key, by id. */
export async function everythingOpened({ source, body }: OpenedShare): Promise<Map<string, Buffer>> {
  const found = new Map<string, Buffer>();
  const reader = new BlobReader(source);
  const load = async (kind: BlobKind, key: ContentKey): Promise<Uint8Array> => {
    const plain = await reader.load(kind, key);
    found.set(toHex(blobIdOf(engine, key)), Buffer.from(plain));
    return plain;
  };
  const trees = [body.tree];
  for (let tree = trees.pop(); tree !== undefined; tree = trees.pop()) {
    for await (const node of readTree(load, tree)) {
      if (node.tree !== undefined) trees.push(node.tree);
      await loadContents(load, node);
    }
  }
  return found;
}

async function loadContents(load: LoadBlob, node: Node): Promise<void> {
  for (const content of [node.content, node.xattrContent, node.extentContent]) {
    if (content === undefined) continue;
    for await (const piece of contentPieces(load, content, node.size)) await load('data', piece.key);
  }
}

/** Tries every key that a reader has seen on every blob that is not shared. @returns blobs that were tried in vain */
async function attack(
  owner: IndexedRepository,
  given: Given,
  opened: OpenedShare,
  plain: ReadonlyMap<string, Buffer>,
): Promise<number> {
  const shared = new Set([...plain.keys()].map((id) => id.slice(0, 32)));
  const keys = [given.key, opened.body.contentFile, opened.body.tree, ...keysIn(plain.values())];
  const others: BlobPlace[] = [];
  owner.index.eachPlace((id, place) => {
    if (!shared.has(toHex(id).slice(0, 32))) others.push(place);
  });
  for (const place of others) {
    const sealed = (await fetchSealed(owner, place)) ?? new Uint8Array();
    for (const key of keys) demandClosed(key, sealed);
  }
  return others.length;
}

function demandClosed(key: Uint8Array, sealed: Uint8Array): void {
  for (const kind of Object.values(BLOB_KINDS)) {
    expect(() => openBlob(engine, kind, contentKey(key), sealed)).toThrow();
  }
}

/**
 * The share opens nothing that says SECRET, to whoever has it and everything that is stored.
 * @param before what its reader has seen of earlier states; what is seen now comes to it
 */
export async function demandClosedBeside(ground: Ground, given: Given, before = new Map<string, Buffer>()) {
  const opened = await ground.open(given);
  const plain = before;
  for (const [id, bytes] of await everythingOpened(opened)) plain.set(id, bytes);
  expect([...plain.values()].some((bytes) => bytes.includes('PUBLIC'))).toBe(true);
  for (const bytes of plain.values()) expect(bytes.includes('SECRET')).toBe(false);
  // Whatever else there is, with every key that was seen.
  expect(await attack(await ground.made.open(), given, opened, plain)).toBeGreaterThan(5);
  // The names that are in it say nothing of the rest either.
  expect(JSON.stringify([...(await ground.read(given)).keys()])).not.toMatch(/secret|top|gone/);
}
