/** Targets beside the first one get their copies side by side. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { MemoryBackend } from '../../src/backends/memory.ts';
import { NeoError } from '../../src/core/errors.ts';
import { ignoreEvents } from '../../src/core/events.ts';
import { MemoryState } from '../../src/repo/client-state.ts';
import type { IndexedRepository } from '../../src/repo/indexed.ts';
import type { Site } from '../../src/tasks/copy-between.ts';
import { SeveralTargets } from '../../src/tasks/several-targets.ts';
import { lookAtSnapshots } from '../../src/tasks/snapshots.ts';
import { backupOf } from '../support/backup.ts';
import { SimClock } from '../support/sim-clock.ts';
import { tempFolder, tempRepository } from '../support/temp-repository.ts';

/** Waits with what is put into its snapshots until as many others do. */
class Meeting {
  readonly #others: number;
  readonly #waiting: (() => void)[] = [];

  constructor(others: number) {
    this.#others = others;
  }

  async arrive(): Promise<void> {
    await new Promise<void>((go) => {
      this.#waiting.push(go);
      if (this.#waiting.length > this.#others) for (const each of this.#waiting.splice(0)) each();
    });
  }
}

class WaitingBackend extends MemoryBackend {
  meeting: Meeting | undefined;

  override async put(path: string, bytes: Uint8Array): Promise<void> {
    if (path.startsWith('snapshots/')) await this.meeting?.arrive();
    await super.put(path, bytes);
  }
}

type Target = Site & { readonly repository: IndexedRepository };

const clock = new SimClock(Date.UTC(2026, 5, 1));

async function targetsOn(backends: readonly MemoryBackend[]): Promise<readonly Target[]> {
  const targets: Target[] = [];
  for (const backend of backends) {
    const made = await tempRepository({ clock, backend });
    targets.push({ repository: await made.openIndexed(), state: new MemoryState() });
  }
  return targets;
}

/** One after the other, for the clock is the same. */
const memory = (count: number): Promise<readonly Target[]> =>
  targetsOn(Array.from({ length: count }, () => new MemoryBackend(clock)));

interface Told {
  /** What was done, in this order. */
  readonly deeds: string[];
  readonly failures: number;
}

/** Targets a, b, c …; `fails` says what `open` and `save` fail with. */
async function saveIn(
  targets: readonly Target[],
  fails: (deed: string) => NeoError | undefined = () => undefined,
  again = true,
): Promise<Told> {
  const folder = await tempFolder();
  await writeFile(join(folder, 'file'), 'x'.repeat(40_000));
  const deeds: string[] = [];
  const act = async (deed: string): Promise<void> => {
    deeds.push(deed);
    const failure = fails(deed);
    if (failure !== undefined) throw failure;
  };
  const several = new SeveralTargets<Target>(
    {
      locations: targets.map((_, at) => nameAt(at)),
      async open(location, at, isLast) {
        await act(`open ${location}${isLast ? ' at last' : ''}`);
        const target = targets[at];
        if (target === undefined) throw new Error('there is no such target');
        return target;
      },
      line: { host: 'host', paths: [Buffer.from('/home')] },
      dryRun: false,
      again,
      async save(target) {
        await act(`save in ${nameAt(targets.indexOf(target))}`);
        await backupOf(target.repository, folder, { storedAs: '/home' });
      },
      onCopied: async () => undefined,
    },
    ignoreEvents,
  );
  return { failures: await several.run(), deeds };
}

const nameAt = (at: number): string => 'abc'[at] ?? '';

async function snapshotsIn(targets: readonly Target[]): Promise<readonly number[]> {
  const counts: number[] = [];
  for (const { repository, state } of targets) {
    counts.push((await lookAtSnapshots(repository, state, ignoreEvents)).snapshots.length);
  }
  return counts;
}

const dead = (isPermanent = false): NeoError => new NeoError('unreachable', 'no answer', { isPermanent });

it('brings a snapshot to two others at the same time', async () => {
  const backends = [new WaitingBackend(clock), new WaitingBackend(clock), new WaitingBackend(clock)];
  const targets = await targetsOn(backends);
  const meeting = new Meeting(1);
  for (const backend of backends.slice(1)) backend.meeting = meeting;
  expect((await saveIn(targets)).failures).toBe(0);
  expect(await snapshotsIn(targets)).toEqual([1, 1, 1]);
});

it('waits for one that does not answer only when the others have theirs', async () => {
  const targets = await memory(3);
  const told = await saveIn(targets, (deed) => (deed === 'open a' ? dead() : undefined));
  expect(told).toEqual({ deeds: ['open a', 'open b', 'open c', 'save in b', 'open a at last'], failures: 0 });
  expect(await snapshotsIn(targets)).toEqual([1, 1, 1]);
});

it('counts one that never answers, and asks none again that never will', async () => {
  const targets = await memory(3);
  const told = await saveIn(targets, (deed) => {
    if (deed === 'open b') return dead(true);
    return deed.startsWith('open c') ? dead() : undefined;
  });
  expect(told).toEqual({ deeds: ['open a', 'open b', 'open c', 'save in a', 'open c at last'], failures: 2 });
  expect(await snapshotsIn(targets)).toEqual([1, 0, 0]);
});

it('saves where it can in the end, when none answers at first', async () => {
  const targets = await memory(2);
  const told = await saveIn(targets, (deed) => (deed === 'open a' || deed === 'open b' ? dead() : undefined));
  expect(told).toEqual({
    deeds: ['open a', 'open b', 'open a at last', 'open b at last', 'save in a'],
    failures: 0,
  });
  expect(await snapshotsIn(targets)).toEqual([1, 1]);
});

it('does not save what was read already in one that answers late', async () => {
  const targets = await memory(2);
  const stream = saveIn(targets, (deed) => (deed === 'open b' || deed === 'save in a' ? dead() : undefined), false);
  await expect(stream).rejects.toMatchObject({ code: 'unreachable' });
  expect(await snapshotsIn(targets)).toEqual([0, 0]);
});
