/** Targets beside the first one get their copies side by side. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { MemoryBackend } from '../../src/backends/memory.ts';
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

it('brings a snapshot to two others at the same time', async () => {
  const clock = new SimClock(Date.UTC(2026, 5, 1));
  const backends = [new WaitingBackend(clock), new WaitingBackend(clock), new WaitingBackend(clock)];
  const sites: (Site & { readonly repository: IndexedRepository })[] = [];
  for (const backend of backends) {
    const made = await tempRepository({ clock, backend });
    sites.push({ repository: await made.openIndexed(), state: new MemoryState() });
  }
  const folder = await tempFolder();
  await writeFile(join(folder, 'file'), 'x'.repeat(40_000));
  const meeting = new Meeting(1);
  for (const backend of backends.slice(1)) backend.meeting = meeting;
  const failures = await new SeveralTargets(
    {
      locations: ['a', 'b', 'c'],
      open: async (_, at) => {
        const site = sites[at];
        if (site === undefined) throw new Error('there is no such target');
        return site;
      },
      line: { host: 'host', paths: [Buffer.from('/home')] },
      dryRun: false,
      again: true,
      save: async ({ repository }) => {
        await backupOf(repository, folder, { storedAs: '/home' });
      },
      onCopied: async () => undefined,
    },
    ignoreEvents,
  ).run();
  expect(failures).toBe(0);
  for (const { repository, state } of sites) {
    expect((await lookAtSnapshots(repository, state, ignoreEvents)).snapshots).toHaveLength(1);
  }
});
