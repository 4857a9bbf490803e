/** Space returns, and nothing that is needed goes: against rights, wrong clocks, damage, and what came meanwhile. */
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { Backend } from '../../src/backends/backend.ts';
import { MemoryBackend } from '../../src/backends/memory.ts';
import type { Clock } from '../../src/core/clock.ts';
import { ignoreEvents } from '../../src/core/events.ts';
import type { ObjectName } from '../../src/core/ids.ts';
import { listTombs } from '../../src/repo/tomb.ts';
import { check } from '../../src/tasks/check.ts';
import { forget } from '../../src/tasks/forget.ts';
import { type PruneOptions, type PruneSummary, prune } from '../../src/tasks/prune.ts';
import { lookAtSnapshots } from '../../src/tasks/snapshots.ts';
import { undo } from '../../src/tasks/undo.ts';
import { tempFolder } from '../support/temp-repository.ts';
import { noise, sameBytes, TestRepository } from './backup-support.ts';
import { Scene } from './write-only-support.ts';

const MINUTE = 60_000;
const DAY = 1440 * MINUTE;

const options: PruneOptions = {
  mostUnused: { share: 0 },
  repackSmall: false,
  soleWriter: false,
  wait: false,
  dryRun: false,
  trustClock: false,
  workers: 0,
  pause: async () => undefined,
};

class Machine {
  time = Date.UTC(2026, 5, 1, 12);
  /** Of storage, ahead of the machine's. */
  skew = 0;
  uptime = 0;
  readonly clock: Clock = {
    now: () => this.time,
    monotonic: () => this.uptime,
    sinceBoot: () => ({ boot: 'one', at: this.uptime }),
  };
  readonly backend = new MemoryBackend({ ...this.clock, now: () => this.time + this.skew });

  pass(milliseconds: number): void {
    this.time += milliseconds;
    this.uptime += milliseconds;
  }
}

class Ground {
  readonly machine = new Machine();
  readonly made: TestRepository;
  readonly folder: string;
  /** Oldest first. */
  readonly names: ObjectName[] = [];

  private constructor(made: TestRepository, folder: string, machine: Machine) {
    this.made = made;
    this.folder = folder;
    this.machine = machine;
  }

  /** Three snapshots: `a` in all of them, `b1`, `b2`, `b3` in one each. */
  static async make(): Promise<Ground> {
    const machine = new Machine();
    const ground = new Ground(
      await TestRepository.make(machine.backend, machine.clock, 1 << 20),
      await tempFolder(),
      machine,
    );
    writeFileSync(join(ground.folder, 'a'), noise(300_000, 1));
    for (let n = 1; n <= 3; n++) {
      rmSync(join(ground.folder, `b${n - 1}`), { force: true });
      writeFileSync(join(ground.folder, `b${n}`), noise(1_500_000, 10 + n));
      await ground.snapshot();
    }
    return ground;
  }

  get oldest(): ObjectName {
    const [oldest] = this.names;
    if (oldest === undefined) throw new Error('no snapshot was made');
    return oldest;
  }

  async snapshot(): Promise<void> {
    const { snapshot } = await this.made.snapshot([this.folder]);
    if (snapshot !== undefined) this.names.push(snapshot);
    this.machine.pass(MINUTE);
  }

  async forget(...references: readonly ObjectName[]): Promise<void> {
    const nothing = { hosts: [], tags: [], paths: [] };
    const chosen = { rules: {}, groupBy: [], filter: nothing, references, trash: 0, dryRun: false, evenMost: true };
    await forget(await this.made.open(), this.made.state, chosen, ignoreEvents);
    this.machine.pass(MINUTE);
  }

  async prune(more: Partial<PruneOptions> = {}): Promise<PruneSummary> {
    return prune(await this.made.open(), this.made.state, { ...options, ...more }, ignoreEvents);
  }

  async bytes(): Promise<number> {
    let sum = 0;
    for await (const { size } of this.machine.backend.list('packs')) sum += size;
    return sum;
  }

  async demandWhole(...names: readonly (ObjectName | undefined)[]): Promise<void> {
    const { damages } = await check(await this.made.open(), this.made.state, { readData: 'all' });
    expect(damages).toEqual([]);
    for (const name of names) {
      const files = await this.made.read(name);
      expect(sameBytes(files.get(`${this.folder}/a`), join(this.folder, 'a'))).toBe(true);
    }
  }
}

describe('prune', () => {
  it('marks, and deletes when the grace has passed by both clocks', async () => {
    const ground = await Ground.make();
    const before = await ground.bytes();
    await ground.forget(...ground.names.slice(0, 2));
    ground.machine.pass(2 * DAY);
    const first = await ground.prune();
    expect(first.marked.packs).toBeGreaterThan(1);
    expect([first.marked.snapshots, first.swept.packs]).toEqual([2, 0]);
    expect(first.dueAt).toBe(ground.machine.time + DAY);
    ground.machine.pass(DAY - 1);
    expect((await ground.prune()).swept.packs).toBe(0);
    ground.machine.pass(MINUTE);
    const last = await ground.prune();
    expect(last.swept).toMatchObject({
      packs: first.marked.packs,
      bytes: first.marked.bytes,
      snapshots: 2,
      rescued: 0,
    });
    expect(last.waiting).toEqual({ packs: 0, bytes: 0 });
    expect(await ground.bytes()).toBeLessThan(before * 0.6);
    expect((await ground.prune()).marked.packs).toBe(0);
    await ground.demandWhole(ground.names[2]);
  });

  it('needs time that has passed here, whatever the clock of the storage says', async () => {
    const ground = await Ground.make();
    await ground.forget(ground.oldest);
    ground.machine.pass(2 * DAY);
    await ground.prune({ grace: 10 * MINUTE });
    ground.machine.time += DAY;
    const early = await ground.prune({ grace: 10 * MINUTE });
    expect(early.swept.packs).toBe(0);
    ground.machine.pass(10 * MINUTE);
    expect((await ground.prune({ grace: 10 * MINUTE })).swept.packs).toBeGreaterThan(0);
  });

  it('waits for its own tomb when asked to', async () => {
    const ground = await Ground.make();
    await ground.forget(ground.oldest);
    ground.machine.pass(2 * DAY);
    const pause = async (milliseconds: number): Promise<void> => ground.machine.pass(milliseconds);
    const { swept, marked, waiting } = await ground.prune({ grace: 10 * MINUTE, wait: true, pause });
    expect([swept.packs, waiting.packs]).toEqual([marked.packs, 0]);
    await ground.demandWhole(ground.names[1], ground.names[2]);
  });

  it('deletes at once when nothing else writes', async () => {
    const ground = await Ground.make();
    await ground.forget(...ground.names.slice(0, 2));
    const { swept } = await ground.prune({ soleWriter: true, grace: 0 });
    expect(swept.packs).toBeGreaterThan(1);
    await ground.demandWhole(ground.names[2]);
  });

  it('does nothing in a dry run, and says the same as the run after it', async () => {
    const ground = await Ground.make();
    await ground.forget(...ground.names.slice(0, 2));
    ground.machine.pass(2 * DAY);
    const before = await ground.made.objects('');
    const would = await ground.prune({ dryRun: true });
    expect([...(await ground.made.objects('')).keys()]).toEqual([...before.keys()]);
    const does = await ground.prune();
    expect(would.marked).toEqual(does.marked);
    expect(would.repacked.packs).toBe(does.repacked.packs);
  });

  it('leaves alone what is younger than the grace: its snapshot may be on its way', async () => {
    const ground = await Ground.make();
    await ground.forget(...ground.names);
    const { marked } = await ground.prune({ mostUnused: { bytes: Number.POSITIVE_INFINITY } });
    expect([marked.packs, marked.snapshots]).toEqual([0, 3]);
  });

  it('is not overtaken by an undo on a machine that slept meanwhile, whose own clock stood still', async () => {
    const ground = await Ground.make();
    await ground.forget(ground.oldest);
    ground.machine.pass(2 * DAY);
    const { backend, clock } = ground.machine;
    const sleeping: Backend = new Proxy(backend, {
      get(target, name) {
        const value: unknown = Reflect.get(target, name);
        if (name !== 'put') return typeof value === 'function' ? value.bind(target) : value;
        return async (path: string, bytes: Uint8Array): Promise<void> => {
          await ground.prune({ grace: 10 * MINUTE });
          ground.machine.time += 11 * MINUTE;
          await target.put(path, bytes);
        };
      },
    });
    const repository = await ground.made.at(sleeping, clock).open();
    const undone = undo(repository, ground.made.state, { dryRun: false });
    await expect(undone).rejects.toMatchObject({ message: expect.stringContaining('a prune was faster') });
    // Nor is what it could not bring back missed by anybody.
    const { alarms } = await lookAtSnapshots(await ground.made.open(), ground.made.state, ignoreEvents);
    expect(alarms).toEqual([]);
  });

  it('copies what turned out to be needed before it deletes', async () => {
    const ground = await Ground.make();
    await ground.forget(ground.oldest);
    ground.machine.pass(2 * DAY);
    await ground.prune({ grace: 10 * MINUTE });
    // Its removal was wrong: what it needs is marked. A tomb that names it stands against undo, so the owner takes it back by hand.
    await expect(undo(await ground.made.open(), ground.made.state, { dryRun: false })).rejects.toMatchObject({
      code: 'failed',
    });
    for await (const { path } of ground.machine.backend.list('removals'))
      ground.machine.backend.tamper(path, undefined);
    ground.machine.pass(11 * MINUTE);
    const { swept } = await ground.prune({ grace: 10 * MINUTE });
    expect(swept.rescued).toBeGreaterThan(0);
    expect(swept.snapshots).toBe(0);
    await ground.demandWhole(...ground.names);
  });

  it('frees nothing while a snapshot cannot be understood, and says which', async () => {
    const ground = await Ground.make();
    await ground.forget(ground.oldest);
    ground.machine.pass(2 * DAY);
    const indexed = await ground.made.open();
    // The packs of trees are the small ones.
    for await (const { path, size } of ground.machine.backend.list('packs')) {
      if (size < 200_000) ground.machine.backend.tamper(path, new Uint8Array(size));
    }
    const before = await ground.made.objects('');
    await expect(prune(indexed, ground.made.state, options, ignoreEvents)).rejects.toMatchObject({
      code: 'integrity',
      message: expect.stringMatching(/^a directory of snapshot [0-9a-f]{8} cannot be read: .*nothing is freed$/),
    });
    expect([...(await ground.made.objects('')).keys()]).toEqual([...before.keys()]);
  });

  it('frees nothing from a repository that went back', async () => {
    const ground = await Ground.make();
    await ground.prune();
    await check(await ground.made.open(), ground.made.state, {});
    ground.machine.backend.tamper(`snapshots/${ground.names[2]}`, undefined);
    await expect(ground.prune()).rejects.toMatchObject({
      code: 'integrity',
      message: expect.stringMatching(/is gone/),
    });
  });

  it.each([
    ['the storage behind', -3600_000, /differ by 60 minutes|in the future/],
    ['the storage ahead', 3600_000, /differ by 60 minutes/],
  ])('deletes nothing by a wrong clock: %s', async (_, skew, message) => {
    const ground = await Ground.make();
    await ground.forget(ground.oldest);
    ground.machine.pass(2 * DAY);
    await ground.prune({ grace: 10 * MINUTE });
    ground.machine.pass(3 * 60 * MINUTE);
    ground.machine.skew = skew;
    await expect(ground.prune({ grace: 10 * MINUTE })).rejects.toMatchObject({
      code: 'failed',
      message: expect.stringMatching(message),
    });
    expect((await listTombs(await ground.made.open())).swept.size).toBe(0);
  });

  it('is suspicious when nothing was stored for a month, until told that the clock is right', async () => {
    const ground = await Ground.make();
    await ground.forget(ground.oldest);
    ground.machine.pass(2 * DAY);
    await ground.prune({ grace: 10 * MINUTE });
    ground.machine.pass(31 * DAY);
    await expect(ground.prune({ grace: 10 * MINUTE })).rejects.toMatchObject({
      hint: expect.stringContaining('--trust-clock'),
    });
    expect((await ground.prune({ grace: 10 * MINUTE, trustClock: true })).swept.packs).toBeGreaterThan(0);
  });

  it('refuses a grace below the floor, and keys that may only write', async () => {
    const ground = await Ground.make();
    await expect(ground.prune({ grace: MINUTE })).rejects.toMatchObject({ code: 'usage' });
    const scene = await Scene.make();
    const writer = await scene.add('write', 'laptop');
    const refused = prune(await writer.repository(), writer.state, options, ignoreEvents);
    await expect(refused).rejects.toMatchObject({ code: 'permission-denied' });
  });

  it('reads the new index while segments are exchanged', async () => {
    const ground = await Ground.make();
    for (let n = 0; n < 40; n++) {
      writeFileSync(join(ground.folder, 'small'), `state ${n}`);
      await ground.snapshot();
    }
    const before = (await ground.made.objects('index')).size;
    await ground.forget(ground.oldest);
    await ground.prune({ soleWriter: true, grace: 0 });
    expect((await ground.made.objects('index')).size).toBeLessThan(before / 4);
    await ground.demandWhole(ground.names.at(-1));
  });
});
