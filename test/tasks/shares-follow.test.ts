/** A share that follows shows each new snapshot of its line, whatever happens meanwhile, and opens no more than that. */
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { Backend } from '../../src/backends/backend.ts';
import type { MemoryBackend } from '../../src/backends/memory.ts';
import type { Clock } from '../../src/core/clock.ts';
import { ignoreEvents } from '../../src/core/events.ts';
import { MemoryState } from '../../src/repo/client-state.ts';
import { sharePath } from '../../src/repo/share.ts';
import { shareNumbers } from '../../src/repo/share-source.ts';
import { prune } from '../../src/tasks/prune.ts';
import { rotateKeys } from '../../src/tasks/rotate.ts';
import { endShares, findShare, listShares, removeShares } from '../../src/tasks/shares.ts';
import { lookAtSnapshots, type VisibleSnapshots } from '../../src/tasks/snapshots.ts';
import { undo } from '../../src/tasks/undo.ts';
import { sweep } from '../support/sim.ts';
import { DAY, demandClosedBeside, everythingOpened, type Given, Ground, PRUNE } from './share-support.ts';

const put = (ground: Ground, name: string, text: string): void => writeFileSync(join(ground.folder, name), text);

/** The share of `talk`, that follows; then something new in it and beside it, and the snapshot of that. */
async function changed(): Promise<{ ground: Ground; given: Given; old: Map<string, string> }> {
  const ground = await Ground.make();
  const given = await ground.share('talk', 0, true);
  const old = await ground.read(given);
  await change(ground, 'one');
  return { ground, given, old };
}

async function change(ground: Ground, word: string): Promise<void> {
  put(ground, 'talk/3', `PUBLIC ${word}`.repeat(50));
  put(ground, 'talk/new', `PUBLIC new ${word}`);
  put(ground, 'secret/new', `SECRET new ${word}`);
  put(ground, 'talk-not', `SECRET not ${word}`);
  await ground.snapshot();
}

async function lookAt(ground: Ground, backend: Backend, clock: Clock): Promise<VisibleSnapshots> {
  return lookAtSnapshots(await ground.made.at(backend, clock).open(), new MemoryState(), ignoreEvents);
}

async function free(ground: Ground, backend: Backend, clock: Clock, soleWriter = true): Promise<void> {
  const repository = await ground.made.at(backend, clock).open();
  await endShares(repository, new MemoryState());
  await prune(repository, new MemoryState(), { ...PRUNE, soleWriter }, ignoreEvents);
}

async function takeBack(ground: Ground, given: Given, backend: Backend, clock: Clock): Promise<void> {
  const look = await lookAt(ground, backend, clock);
  await removeShares(await ground.made.at(backend, clock).open(), look, [findShare(look, given.file.share)]);
}

/** Before the mutation of that number, counted from 1, something happens. */
function interrupted(
  inner: Backend,
  at: number,
  happens: () => Promise<void>,
): { backend: Backend; count: () => number } {
  let seen = 0;
  const backend = new Proxy(inner, {
    get(target, name) {
      const value: unknown = Reflect.get(target, name);
      if (typeof value !== 'function') return value;
      if (name !== 'put' && name !== 'remove') return value.bind(target);
      return async (...given: unknown[]) => {
        seen += 1;
        if (seen === at) await happens();
        return value.apply(target, given);
      };
    },
  });
  return { backend, count: () => seen };
}

/** Once for each mutation of a follower: `meanwhile` before it, then `after`. */
async function atEach(
  meanwhile: (ground: Ground, given: Given) => Promise<void>,
  after: (ground: Ground, given: Given, at: number) => Promise<void>,
): Promise<number> {
  for (let at = 1; ; at++) {
    const { ground, given } = await changed();
    const { backend, count } = interrupted(ground.backend, at, () => meanwhile(ground, given));
    await ground.follow({}, backend);
    if (count() < at) return at - 1;
    await after(ground, given, at);
  }
}

describe('a share that follows', () => {
  it('shows what is there in the newest snapshot, with the same file, and stores nothing where nothing changed', async () => {
    const { ground, given, old } = await changed();
    expect(await ground.read(given)).toEqual(old);
    const id = given.file.share;
    expect((await ground.follow({ dryRun: true })).followed.map((each) => each.id)).toEqual([id]);
    expect(await ground.read(given)).toEqual(old);
    expect(await ground.follow()).toMatchObject({ followed: [{ id }], failed: 0, warnings: [] });
    const found = await ground.read(given);
    expect([found.size, found.get('/new'), found.get('/3')?.slice(0, 10)]).toEqual([
      11,
      'PUBLIC new one',
      'PUBLIC one',
    ]);
    const made = (await ground.look()).shares;
    expect(made).toHaveLength(1);
    expect(listShares(await ground.look()).map(({ share }) => share.follow?.step)).toEqual([1]);
    // Nothing new in it, then nothing new at all.
    put(ground, 'secret/other', 'SECRET other');
    for (let n = 0; n < 2; n++) {
      await ground.snapshot();
      const { backend, count } = interrupted(ground.backend, 0, async () => undefined);
      expect(await ground.follow({}, backend)).toMatchObject({ followed: [], unchanged: 1, bytesAdded: 0 });
      expect(count()).toBe(0);
    }
    await ground.demandWhole();
  });

  it('opens nothing beside, above or deleted in any state, and none of what came and went between two', async () => {
    const { ground, given } = await changed();
    const seen = new Map<string, Buffer>();
    await demandClosedBeside(ground, given, seen);
    put(ground, 'talk/gone-too', 'SECRET gone too');
    await ground.snapshot();
    rmSync(join(ground.folder, 'talk/gone-too'));
    rmSync(join(ground.folder, 'talk/5'));
    await change(ground, 'two');
    expect((await ground.follow()).followed).toHaveLength(1);
    await demandClosedBeside(ground, given, seen);
    expect((await ground.read(given)).has('/5')).toBe(false);
    await change(ground, 'three');
    await ground.follow();
    await demandClosedBeside(ground, given, seen);
    await ground.forgetAll();
    for (let n = 0; n < 2; n++) {
      ground.clock.advance(2 * DAY);
      await ground.prune();
    }
    for (const bytes of (await everythingOpened(await ground.open(given))).values()) {
      expect(bytes.includes('SECRET')).toBe(false);
    }
    expect((await ground.read(given)).get('/new')).toBe('PUBLIC new three');
  });

  it('follows one file as well', async () => {
    const ground = await Ground.make();
    const given = await ground.share('talk/3', 0, true);
    await ground.snapshot();
    expect((await ground.follow()).followed).toEqual([]);
    await change(ground, 'one');
    expect((await ground.follow()).followed).toHaveLength(1);
    expect([...(await ground.read(given))]).toEqual([['/3', 'PUBLIC one'.repeat(50)]]);
  });

  it('follows no partial snapshot, no other host, no other paths, and never goes back', async () => {
    const { ground, given, old } = await changed();
    const other = join(ground.folder, 'talk');
    const { heads, snapshots } = await ground.look();
    expect([heads.length, snapshots.length]).toEqual([4, 3]);
    expect((await ground.follow({ line: { host: 'else', paths: [Buffer.from(ground.folder)] } })).followed).toEqual([]);
    expect((await ground.follow({ line: { host: 'host', paths: [Buffer.from(other)] } })).followed).toEqual([]);
    expect(await ground.read(given)).toEqual(old);
    await ground.follow();
    const found = await ground.read(given);
    rmSync(join(ground.folder, 'talk/1'));
    await ground.made.snapshot([ground.folder], { host: 'elsewhere' });
    await ground.made.snapshot([ground.folder], { kind: 'partial' });
    await ground.made.snapshot([other]);
    expect((await ground.follow()).followed).toEqual([]);
    // The newest is forgotten, and freed: what is left of the line is older.
    await ground.forgetAll();
    ground.clock.advance(2 * DAY);
    await ground.prune({ soleWriter: true });
    expect((await ground.follow()).followed).toEqual([]);
    expect(await ground.read(given)).toEqual(found);
    await ground.snapshot();
    expect((await ground.follow()).followed).toHaveLength(1);
    expect((await ground.read(given)).has('/1')).toBe(false);
  });

  it('keeps what it shows, and says so, where the path is gone, and where keys were rotated', async () => {
    const { ground, given } = await changed();
    await ground.follow();
    const found = await ground.read(given);
    rmSync(join(ground.folder, 'talk'), { recursive: true });
    await ground.snapshot();
    const gone = await ground.follow();
    expect([gone.followed, gone.failed, gone.warnings]).toEqual([
      [],
      1,
      [expect.stringContaining('not in the newest')],
    ]);
    expect(await ground.read(given)).toEqual(found);
    mkdirSync(join(ground.folder, 'talk'));
    await change(ground, 'again');
    expect((await ground.follow()).followed).toHaveLength(1);
    expect((await ground.read(given)).size).toBe(2);
    await rotateKeys(await ground.made.open(), { drop: [], dryRun: false });
    await change(ground, 'after');
    expect((await ground.follow()).warnings).toEqual([expect.stringContaining('keys were rotated')]);
    expect((await ground.read(given)).get('/new')).toBe('PUBLIC new again');
  });

  it('ends when it does', async () => {
    const ground = await Ground.make();
    const given = await ground.share('talk', ground.clock.now() + DAY, true);
    await change(ground, 'one');
    ground.clock.advance(2 * DAY);
    expect(await ground.follow()).toMatchObject({ followed: [], failed: 0 });
    await expect(ground.read(given)).rejects.toMatchObject({ code: 'failed' });
  });

  it('can be read whenever its follower dies, and goes on with the next one, or a prune', async () => {
    const { ground, given, old } = await changed();
    const start = ground.backend.clone(ground.clock);
    await ground.follow();
    const fresh = await ground.read(given);
    const demandEither = async (storage: MemoryBackend): Promise<void> => {
      const found = await ground.read(given, storage);
      expect([old, fresh]).toContainEqual(found);
    };
    const { operations } = await sweep(
      async ({ backend, clock }) => {
        await ground.follow({}, backend, clock);
      },
      async (surviving, _, { clock }) => {
        await demandEither(surviving);
        const pruned = surviving.clone(clock);
        await free(ground, pruned, clock);
        await demandEither(pruned);
        for (const storage of [pruned, surviving]) {
          await ground.follow({}, storage, clock);
          expect(await ground.read(given, storage)).toEqual(fresh);
          expect((await lookAt(ground, storage, clock)).shares).toHaveLength(1);
        }
      },
      { start, kept: [0.5] },
    );
    expect(operations).toBeGreaterThan(4);
  }, 120_000);

  it('shows the newest of two at once, and goes back at no moment', async () => {
    const points = await atEach(
      async (ground) => {
        await change(ground, 'two');
        await ground.follow();
      },
      async (ground, given) => {
        expect((await ground.read(given)).get('/new')).toBe('PUBLIC new two');
        await free(ground, ground.backend, ground.clock);
        expect((await ground.read(given)).get('/new')).toBe('PUBLIC new two');
        await ground.follow();
        expect((await ground.look()).shares).toHaveLength(1);
        await ground.demandWhole();
      },
    );
    expect(points).toBeGreaterThan(4);
  }, 120_000);

  it('is followed to the same snapshot by two at once', async () => {
    await atEach(
      async (ground) => {
        await ground.follow();
      },
      async (ground, given) => {
        expect((await ground.read(given)).get('/new')).toBe('PUBLIC new one');
        expect((await ground.look()).shares).toHaveLength(1);
      },
    );
  }, 120_000);

  it('outlives a follower that stood still while others pruned for days', async () => {
    await atEach(
      async (ground, given) => {
        for (let n = 0; n < 2; n++) {
          ground.clock.advance(2 * DAY);
          await free(ground, ground.backend, ground.clock, false);
          await ground.read(given);
        }
      },
      async (ground, given) => {
        await ground.read(given);
        await ground.follow();
        expect((await ground.read(given)).get('/new')).toBe('PUBLIC new one');
        await ground.demandWhole();
      },
    );
  }, 120_000);

  it('is not taken back by a prune that had looked before it went on', async () => {
    let refreshed = 0;
    for (let at = 1; ; at++) {
      const { ground, given } = await changed();
      await ground.forgetAll(1);
      ground.clock.advance(2 * DAY);
      const following = async (): Promise<void> => {
        refreshed += (await ground.objects(given)).length > 1 ? 1 : 0;
        expect((await ground.follow()).failed).toBe(0);
        expect((await ground.read(given)).get('/new')).toBe('PUBLIC new one');
      };
      const { backend, count } = interrupted(ground.backend, at, following);
      await prune(await ground.made.at(backend, ground.clock).open(), new MemoryState(), PRUNE, ignoreEvents);
      if (count() < at) break;
      expect((await ground.read(given)).get('/new')).toBe('PUBLIC new one');
      ground.clock.advance(2 * DAY);
      await free(ground, ground.backend, ground.clock, false);
      expect((await ground.read(given)).get('/new')).toBe('PUBLIC new one');
      await ground.demandWhole();
    }
    // The prune told readers of other places itself, and was met before and after that.
    expect(refreshed).toBeGreaterThan(0);
  }, 120_000);

  it('does not come back when it was taken back meanwhile, be it that its follower dies then', async () => {
    await atEach(
      async (ground, given) => takeBack(ground, given, ground.backend, ground.clock),
      async (ground, given, at) => {
        await expect(ground.read(given)).rejects.toMatchObject({ code: 'failed' });
        expect(listShares(await ground.look())).toEqual([]);
        if (at % 2 === 0) return;
        await free(ground, ground.backend, ground.clock);
        expect((await ground.look()).late).toEqual([]);
        expect(await ground.objects(given)).toEqual([]);
      },
    );
    const { ground, given } = await changed();
    const start = ground.backend.clone(ground.clock);
    for (const at of [1, 3, 4]) {
      await sweep(
        async ({ backend, clock }) => {
          const racing = interrupted(backend, at, () => takeBack(ground, given, backend, clock));
          await ground.follow({}, racing.backend, clock);
        },
        async (surviving, _, { clock }) => {
          // Where it died before it was taken back, or while.
          const look = await lookAt(ground, surviving, clock);
          if (listShares(look).length > 0) await takeBack(ground, given, surviving, clock);
          expect(listShares(await lookAt(ground, surviving, clock))).toEqual([]);
          await free(ground, surviving, clock);
          expect(await shareNumbers(surviving, given.file.share)).toEqual([]);
          expect((await ground.follow({}, surviving, clock)).followed).toEqual([]);
        },
        { start, moments: ['before', 'after'] },
      );
    }
  }, 120_000);

  it('comes back with undo, which takes back what people did, and goes on', async () => {
    const { ground, given } = await changed();
    await ground.forgetAll();
    await ground.follow();
    await takeBack(ground, given, ground.backend, ground.clock);
    ground.clock.advance(1000);
    await undo(await ground.made.open(), ground.state, { dryRun: false }, ignoreEvents);
    await ground.prune();
    await ground.read(given);
    await change(ground, 'later');
    await ground.follow();
    expect((await ground.read(given)).get('/new')).toBe('PUBLIC new later');
    const before = (await ground.look()).snapshots.length;
    await ground.forgetAll();
    await change(ground, 'last');
    await ground.follow();
    await undo(await ground.made.open(), ground.state, { dryRun: false }, ignoreEvents);
    expect((await ground.look()).snapshots).toHaveLength(before + 1);
    expect((await ground.look()).shares).toHaveLength(1);
  });

  it('is shown anew by a prune where something older stands highest', async () => {
    const { ground, given } = await changed();
    const id = given.file.share;
    await ground.follow();
    const found = await ground.read(given);
    // As if its follower had died before that.
    ground.backend.tamper(sharePath(id, 2), new Uint8Array(10));
    await ground.prune();
    expect(await ground.read(given)).toEqual(found);
    await ground.backend.remove(sharePath(id, 3));
    await ground.backend.remove(sharePath(id, 2));
    await ground.prune();
    expect(await ground.read(given)).toEqual(found);
  });
});
