/** Repositories that copy to each other, in any order and for ever: each snapshot comes to each once. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MemoryBackend } from '../../src/backends/memory.ts';
import { ignoreEvents } from '../../src/core/events.ts';
import { MemoryState } from '../../src/repo/client-state.ts';
import { type CopySummary, copySnapshots } from '../../src/tasks/copy.ts';
import { forget } from '../../src/tasks/forget.ts';
import { rewriteSnapshots } from '../../src/tasks/rewrite.ts';
import { lookAtSnapshots, type VisibleSnapshots } from '../../src/tasks/snapshots.ts';
import { backupOf } from '../support/backup.ts';
import { SimClock } from '../support/sim-clock.ts';
import { type TempRepository, tempFolder, tempRepository } from '../support/temp-repository.ts';

type Site = TempRepository<MemoryBackend> & { readonly state: MemoryState };

class Ring {
  readonly clock = new SimClock(Date.UTC(2026, 5, 1));
  readonly sites: Site[] = [];
  readonly folder: string;
  #versions = 0;

  private constructor(folder: string) {
    this.folder = folder;
  }

  static async of(count: number): Promise<Ring> {
    const ring = new Ring(await tempFolder());
    for (let n = 0; n < count; n++) {
      const made = await tempRepository({ clock: ring.clock, backend: new MemoryBackend(ring.clock) });
      ring.sites.push({ ...made, state: new MemoryState() });
    }
    return ring;
  }

  site(at: number): Site {
    const site = this.sites[at];
    if (site === undefined) throw new Error(`no site ${at}`);
    return site;
  }

  async look(at: number): Promise<VisibleSnapshots> {
    return lookAtSnapshots(await this.site(at).open(), this.site(at).state, ignoreEvents);
  }

  async snapshot(at: number): Promise<void> {
    this.clock.advance(60_000);
    this.#versions += 1;
    await writeFile(join(this.folder, 'file'), `version ${this.#versions}`);
    await backupOf(await this.site(at).openIndexed(), this.folder, { storedAs: '/home' });
  }

  async copy(a: number, b: number, named = false): Promise<CopySummary> {
    this.clock.advance(60_000);
    const from = await this.site(a).openIndexed();
    const to = await this.site(b).openIndexed();
    const [fromLook, toLook] = [await this.look(a), await this.look(b)];
    const about = { fromLook, snapshots: fromLook.snapshots, toLook, toState: this.site(b).state };
    return copySnapshots({ from, to, ...about, named, dryRun: false, workers: 0 });
  }

  async tag(at: number): Promise<void> {
    const look = await this.look(at);
    const options = { look, snapshots: look.snapshots, keepOriginals: false, trash: 0, dryRun: false, workers: 0 };
    const changes = { tags: () => ['changed'] };
    await rewriteSnapshots(
      await this.site(at).openIndexed(),
      this.site(at).state,
      { ...options, changes },
      ignoreEvents,
    );
    // And a prune that takes the originals away for good.
    for (const { name } of look.snapshots) await this.site(at).backend.remove(`snapshots/${name}`);
  }
}

/** Pairs of four. */
const EVERY = [0, 1, 2, 3].flatMap((a) => [0, 1, 2, 3].filter((b) => a !== b).map((b) => [a, b] as const));

describe('copies of copies', () => {
  it('go round three repositories once', async () => {
    const ring = await Ring.of(3);
    await ring.snapshot(0);
    await ring.snapshot(1);
    const copied: number[] = [];
    for (let round = 0; round < 4; round++) {
      let sum = 0;
      for (const [a, b] of [
        [0, 1],
        [1, 2],
        [2, 0],
      ] as const)
        sum += (await ring.copy(a, b)).copied.length;
      copied.push(sum);
    }
    // Two to each of two others, and then silence.
    expect(copied).toEqual([4, 0, 0, 0]);
  });

  it('reach everybody, once, whoever copies to whom', async () => {
    const pair = fc.tuple(fc.nat(3), fc.nat(3)).filter(([a, b]) => a !== b);
    await fc.assert(
      fc.asyncProperty(fc.array(pair, { maxLength: 8 }), fc.array(fc.nat(3), { minLength: 1, maxLength: 3 }), run),
      { numRuns: 12 },
    );

    async function run(pairs: [number, number][], makers: number[]): Promise<void> {
      const ring = await Ring.of(4);
      for (const at of makers) await ring.snapshot(at);
      for (const [a, b] of pairs) await ring.copy(a, b);
      for (const [a, b] of EVERY) await ring.copy(a, b);
      for (const [a, b] of EVERY) {
        const { copied, superseded } = await ring.copy(a, b);
        expect([copied, superseded]).toEqual([[], []]);
        expect((await ring.look(b)).snapshots).toHaveLength(makers.length);
      }
    }
  });

  it('of what was made anew do not bring the old one back', async () => {
    const ring = await Ring.of(3);
    await ring.snapshot(0);
    await ring.copy(0, 1);
    await ring.copy(1, 2);
    await ring.tag(0);
    for (const from of [1, 2]) expect((await ring.copy(from, 0)).copied).toEqual([]);
    // Unless somebody names it: it may be whole, and the new one what could be repaired.
    expect((await ring.copy(2, 0, true)).copied).toHaveLength(1);
    for (const isNamed of [false, true]) expect((await ring.copy(1, 0, isNamed)).copied).toEqual([]);
    // The new one is another snapshot, and what it was made from is named.
    const { copied, superseded } = await ring.copy(0, 1);
    expect([copied.length, superseded.length]).toEqual([1, 1]);
  });

  it('that were forgotten, and are still in the trash, stay there', async () => {
    const ring = await Ring.of(2);
    await ring.snapshot(0);
    await ring.copy(0, 1);
    const options = { rules: {}, groupBy: [], filter: { hosts: [], tags: [], paths: [] }, references: ['latest'] };
    const { open, state } = ring.site(1);
    await forget(await open(), state, { ...options, trash: 86_400_000, dryRun: false, evenMost: true }, ignoreEvents);
    expect((await ring.copy(0, 1)).copied).toEqual([]);
  });
});
