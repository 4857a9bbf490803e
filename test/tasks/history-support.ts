/** A folder that changes from snapshot to snapshot, and what the commands about history see of it. */
import { MemoryBackend } from '../../src/backends/memory.ts';
import { ignoreEvents } from '../../src/core/events.ts';
import { MemoryState } from '../../src/repo/client-state.ts';
import { History, type HistorySource, historySource } from '../../src/tasks/history.ts';
import { lookAtSnapshots, type VisibleSnapshots } from '../../src/tasks/snapshots.ts';
import { backupOf } from '../support/backup.ts';
import { SimClock } from '../support/sim-clock.ts';
import { type TempRepository, tempFolder, tempRepository } from '../support/temp-repository.ts';

export class HistoryWorld {
  readonly made: TempRepository<MemoryBackend>;
  readonly folder: string;
  readonly clock: SimClock;
  readonly state = new MemoryState();

  private constructor(made: TempRepository<MemoryBackend>, folder: string, clock: SimClock) {
    this.made = made;
    this.folder = folder;
    this.clock = clock;
  }

  static async make(): Promise<HistoryWorld> {
    const clock = new SimClock(Date.UTC(2026, 5, 1));
    const made = await tempRepository({ clock, backend: new MemoryBackend(clock) });
    return new HistoryWorld(made, await tempFolder(), clock);
  }

  /** The name of a snapshot of the folder, as a host keeps it under its own path. */
  async snapshot(host = 'host', storedAs = '/home'): Promise<string> {
    this.clock.advance(3_600_000);
    const { snapshot } = await backupOf(await this.made.openIndexed(), this.folder, { host, storedAs });
    return snapshot ?? '';
  }

  indexed() {
    return this.made.openIndexed();
  }

  /** What is asked of; with `stored` there is a history of all snapshots, and questions are answered from it. */
  async source(stored: boolean): Promise<HistorySource> {
    const ask = async () => historySource(await this.made.open(), await this.look());
    if (stored) await History.open(await ask(), ignoreEvents);
    return ask();
  }

  async look(): Promise<VisibleSnapshots> {
    return lookAtSnapshots(await this.made.open(), this.state, ignoreEvents);
  }
}

export function path(text: string): Uint8Array {
  return Buffer.from(text);
}

export function text(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString();
}
