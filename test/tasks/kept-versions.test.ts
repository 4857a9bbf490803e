/** Policies of versions: contents of files stay, though the snapshots go that hold them. */
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseSpan } from '../../src/core/calendar.ts';
import { ignoreEvents } from '../../src/core/events.ts';
import { parseVersionRules } from '../../src/core/version-rules.ts';
import { BlobReader } from '../../src/repo/blob-reader.ts';
import { check } from '../../src/tasks/check.ts';
import { readNodeContent } from '../../src/tasks/contents.ts';
import { type ForgetSummary, forget } from '../../src/tasks/forget.ts';
import { historySource } from '../../src/tasks/history.ts';
import { setVersionPolicy } from '../../src/tasks/policy.ts';
import { prune } from '../../src/tasks/prune.ts';
import { stashesOf } from '../../src/tasks/stash.ts';
import { undo } from '../../src/tasks/undo.ts';
import { findVersions } from '../../src/tasks/versions.ts';
import { tempFolder } from '../support/temp-repository.ts';
import { HistoryWorld, path } from './history-support.ts';
import { Scene } from './write-only-support.ts';

const HOUR = 3_600_000;
const DAY = 24 * HOUR;

class Ground {
  readonly world: HistoryWorld;

  private constructor(world: HistoryWorld) {
    this.world = world;
  }

  static async make(): Promise<Ground> {
    return new Ground(await HistoryWorld.make());
  }

  async policy(rules: string, keepDeleted?: string, at = '/home'): Promise<void> {
    const wishes = {
      rules: rules === '' ? { original: false } : parseVersionRules(rules),
      ...(keepDeleted === undefined ? {} : { keepDeleted: parseSpan(keepDeleted) }),
    };
    await setVersionPolicy(await this.world.made.open(), { path: path(at) }, wishes, { dryRun: false });
  }

  write(name: string, content: string | undefined): void {
    const file = join(this.world.folder, name);
    if (content === undefined) rmSync(file, { force: true });
    else writeFileSync(file, content);
  }

  /** All but the newest `last` go to the trash, which ends at once. */
  async forget(last: number, more: { dryRun?: boolean; trash?: number } = {}): Promise<ForgetSummary> {
    const filter = { hosts: [], tags: [], paths: [] };
    const wishes = { rules: { last }, groupBy: ['host', 'paths'] as const, filter, references: [], evenMost: true };
    const repository = await this.world.made.open();
    return forget(repository, this.world.state, { ...wishes, trash: 0, dryRun: false, ...more }, ignoreEvents);
  }

  async prune(): Promise<void> {
    const options = {
      mostUnused: { share: 0 },
      repackSmall: false,
      grace: 0,
      soleWriter: true,
      wait: false,
      dryRun: false,
      trustClock: true,
      workers: 0,
      pause: async () => undefined,
    };
    await prune(await this.world.made.open(), this.world.state, options, ignoreEvents);
  }

  /** Every content that can be had of a file, read and verified, in order. */
  async contents(name: string): Promise<string[]> {
    const indexed = await this.world.indexed();
    const look = await this.world.look();
    const { snapshots } = look;
    const reader = new BlobReader(indexed);
    const at = path(`/home/${name}`);
    const found = await findVersions(historySource(indexed, look), snapshots, at, ignoreEvents).catch(() => undefined);
    const texts: string[] = [];
    for (const { node } of found?.versions ?? []) {
      let text = '';
      for await (const part of readNodeContent(indexed, (kind, key) => reader.load(kind, key), node, at)) {
        if (part.type === 'data') text += Buffer.from(part.bytes).toString();
      }
      texts.push(text);
    }
    return texts;
  }
}

describe('a policy of versions', () => {
  it('keeps the first and the newest contents when all snapshots but one go, and drops what it wants no more', async () => {
    const ground = await Ground.make();
    await ground.policy('original,last:2');
    for (let n = 1; n <= 6; n++) {
      ground.write('a', `a ${n}`);
      ground.write('same', 'the same');
      await ground.world.snapshot();
    }
    const dry = await ground.forget(1, { dryRun: true });
    expect(dry).toMatchObject({ removed: 5, versionsKept: 2, stashesDropped: 0 });
    expect(await ground.forget(1)).toMatchObject({ removed: 5, versionsKept: 2, stashesDropped: 0 });
    await ground.prune();
    expect(await ground.contents('a')).toEqual(['a 1', 'a 5', 'a 6']);
    expect(await ground.contents('same')).toEqual(['the same']);
    // Nobody has stashed them by hand.
    expect(stashesOf(await ground.world.look())).toEqual([]);
    // Nothing more to do.
    expect(await ground.forget(1)).toMatchObject({ removed: 0, versionsKept: 0, stashesDropped: 0 });
    ground.write('a', 'a 7');
    await ground.world.snapshot();
    expect(await ground.forget(1)).toMatchObject({ removed: 1, versionsKept: 1, stashesDropped: 1 });
    await ground.prune();
    expect(await ground.contents('a')).toEqual(['a 1', 'a 6', 'a 7']);
    expect(await check(await ground.world.indexed(), ground.world.state, { readData: 'all' })).toMatchObject({
      damages: [],
    });
  });

  it('takes a content that came back for as old as it is', async () => {
    const ground = await Ground.make();
    await ground.policy('original,last:1');
    for (const content of ['one', 'two', 'one', 'three']) {
      ground.write('a', content);
      await ground.world.snapshot();
    }
    await ground.forget(1);
    expect(await ground.contents('a')).toEqual(['one', 'three']);
    ground.write('a', 'four');
    await ground.world.snapshot();
    await ground.forget(1);
    expect(await ground.contents('a')).toEqual(['one', 'four']);
  });

  it('holds below its path alone, and not where another one is nearer', async () => {
    const ground = await Ground.make();
    await ground.policy('all', undefined, '/home/a');
    for (let n = 1; n <= 3; n++) {
      for (const name of ['a', 'ab', 'b']) ground.write(name, `${name} ${n}`);
      await ground.world.snapshot();
    }
    await ground.forget(1);
    expect(await ground.contents('a')).toEqual(['a 1', 'a 2', 'a 3']);
    expect(await ground.contents('ab')).toEqual(['ab 3']);
    expect(await ground.contents('b')).toEqual(['b 3']);
  });

  it('keeps what was deleted for as long as it says, and not longer', async () => {
    const ground = await Ground.make();
    await ground.policy('', '90d');
    ground.write('gone', 'gone 1');
    await ground.world.snapshot();
    ground.write('gone', 'gone 2');
    ground.write('stays', 'here');
    await ground.world.snapshot();
    ground.write('gone', undefined);
    await ground.world.snapshot();
    expect(await ground.forget(1)).toMatchObject({ removed: 2, versionsKept: 1 });
    await ground.prune();
    expect(await ground.contents('gone')).toEqual(['gone 2']);
    ground.world.clock.advance(89 * DAY);
    expect(await ground.forget(1)).toMatchObject({ stashesDropped: 0 });
    ground.world.clock.advance(2 * DAY);
    expect(await ground.forget(1)).toMatchObject({ stashesDropped: 1 });
    expect(await ground.contents('gone')).toEqual([]);
    expect(await ground.contents('stays')).toEqual(['here']);
  });

  it('is taken back by undo together with what went', async () => {
    const ground = await Ground.make();
    await ground.policy('last:1');
    for (let n = 1; n <= 3; n++) {
      ground.write('a', `a ${n}`);
      ground.write('b', n === 3 ? undefined : `b ${n}`);
      await ground.world.snapshot();
    }
    expect(await ground.forget(1, { trash: DAY })).toMatchObject({ removed: 2, versionsKept: 1 });
    expect(await ground.contents('b')).toEqual(['b 2']);
    await undo(await ground.world.made.open(), ground.world.state, { dryRun: false });
    expect(await ground.contents('b')).toEqual(['b 1', 'b 2']);
    expect(await ground.forget(1)).toMatchObject({ removed: 2, versionsKept: 0 });
    expect(await ground.contents('b')).toEqual(['b 2']);
  });

  it('forgets nothing when not all of the past can be read', async () => {
    const ground = await Ground.make();
    for (let n = 1; n <= 2; n++) {
      ground.write('a', `a ${n}`);
      await ground.world.snapshot();
    }
    await ground.policy('all');
    const { backend } = ground.world.made;
    for await (const { path: pack } of backend.list('packs')) backend.tamper(pack, undefined);
    await expect(ground.forget(1)).rejects.toMatchObject({ code: 'integrity' });
    expect((await ground.world.look()).snapshots).toHaveLength(2);
  });

  it('whatever is written, deleted, saved and forgotten: the first content and the last two can always be had', async () => {
    const step = fc.oneof(
      {
        weight: 4,
        arbitrary: fc.record({ write: fc.constantFrom('a', 'b', 'c'), gone: fc.integer({ max: 3, min: 0 }) }),
      },
      { weight: 4, arbitrary: fc.constant('snapshot' as const) },
      { weight: 2, arbitrary: fc.constantFrom(1, 2, 3) },
    );
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 25 }), async (steps) => {
        const life = new Life(await Ground.make());
        await life.ground.policy('original,last:2');
        for (const one of steps) await life.take(one);
        for (const [name, all] of life.saved) {
          const found = await life.ground.contents(name);
          expect(found).toEqual(expect.arrayContaining([...all.slice(0, 1), ...all.slice(-2)]));
          expect(found).toEqual(all.filter((content) => found.includes(content)));
        }
      }),
      { numRuns: 25 },
    );
  });
});

describe('whoever has a write key alone', () => {
  it('pushes no version out with much at once, nor speaks for what another one made', async () => {
    const scene = await Scene.make();
    const [victim, thief] = [await scene.add('write', 'victim'), await scene.add('write', 'thief')];
    const folder = await tempFolder();
    const say = (content: string): void => writeFileSync(join(folder, 'a'), content);
    await setVersionPolicy(
      await scene.full.repository(),
      {},
      { rules: parseVersionRules('last:1') },
      { dryRun: false },
    );
    // A minute after a full hour, by the clock of storage.
    scene.now = HOUR - (Date.now() % HOUR) + 60_000;
    say('good');
    await victim.snapshot(folder);
    await thief.snapshot(folder);
    for (let n = 0; n < 3; n++) {
      scene.now += 60_000;
      say(`junk ${n}`);
      await victim.snapshot(folder, { force: true });
    }
    const own = (await scene.snapshots()).filter(({ head }) => head.client === victim.open.keySlot);
    const filter = { hosts: [], tags: [], paths: [] };
    const wishes = { rules: {}, groupBy: [], filter, trash: 0, dryRun: false, evenMost: true };
    const references = own.map(({ name }) => name);
    const repository = await scene.full.repository();
    const summary = await forget(repository, scene.full.state, { ...wishes, references }, ignoreEvents);
    expect(summary).toMatchObject({ removed: 4, versionsKept: 1 });
    const [stash] = (await scene.snapshots()).filter(({ body }) => body.kept !== undefined);
    expect(stash?.body.kept?.client).toBe(victim.open.keySlot);
    expect([...(await scene.read(stash?.name)).values()].map(String)).toEqual(['good']);
  });
});

/** A file written or deleted, a snapshot, or a forget that leaves so many. */
type Step = { readonly write: string; readonly gone: number } | 'snapshot' | number;

/** What a folder went through. */
class Life {
  readonly ground: Ground;
  /** Every content that some snapshot had, in order. */
  readonly saved = new Map<string, string[]>();
  readonly #now = new Map<string, string>();
  #count = 0;

  constructor(ground: Ground) {
    this.ground = ground;
  }

  async take(step: Step): Promise<void> {
    if (typeof step === 'number') await this.#forget(step);
    else if (step === 'snapshot') await this.#save();
    else this.#write(step.write, step.gone === 0);
  }

  #write(name: string, isGone: boolean): void {
    this.#count += 1;
    const content = isGone ? undefined : `${name} ${this.#count}`;
    this.ground.write(name, content);
    if (content === undefined) this.#now.delete(name);
    else this.#now.set(name, content);
  }

  async #save(): Promise<void> {
    this.ground.write('always', 'something to save');
    await this.ground.world.snapshot();
    for (const [name, content] of this.#now) {
      const all = this.saved.get(name) ?? [];
      if (!all.includes(content)) this.saved.set(name, [...all, content]);
    }
  }

  async #forget(last: number): Promise<void> {
    await this.ground.forget(last);
    if (last === 1) await this.ground.prune();
  }
}
