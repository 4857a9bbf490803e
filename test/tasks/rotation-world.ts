/** A repository whose keys are rotated, with other holders of keys. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { MemoryBackend } from '../../src/backends/memory.ts';
import type { NeoEvent } from '../../src/core/events.ts';
import { MemoryState } from '../../src/repo/client-state.ts';
import { loadIndex } from '../../src/repo/indexed.ts';
import { parseKeyFile } from '../../src/repo/key-file.ts';
import type { Credential } from '../../src/repo/key-slots.ts';
import { openRepository, type Repository } from '../../src/repo/repository.ts';
import { prepareKey, publishKey } from '../../src/tasks/keys.ts';
import { rotateKeys } from '../../src/tasks/rotate.ts';
import { lookAtSnapshots } from '../../src/tasks/snapshots.ts';
import { backupOf } from '../support/backup.ts';
import { SimClock } from '../support/sim-clock.ts';
import { type TempRepository, tempFolder, tempRepository } from '../support/temp-repository.ts';

export interface Holder {
  readonly credential: Credential;
  readonly carried: { readonly client: Repository['client']; readonly bytes: Uint8Array };
}

export class RotationWorld {
  readonly clock = new SimClock(Date.UTC(2026, 5, 1));
  readonly storage = new MemoryBackend(this.clock);
  made!: TempRepository<MemoryBackend>;
  folder = '';

  static async make(): Promise<RotationWorld> {
    const world = new RotationWorld();
    world.made = await tempRepository({ clock: world.clock, backend: world.storage });
    world.folder = await tempFolder();
    await writeFile(join(world.folder, 'a'), 'a'.repeat(50_000));
    return world;
  }

  /** A key file, as its holder has it. */
  async key(label: string, role: 'full' | 'write' = 'full'): Promise<Holder> {
    const prepared = await prepareKey(await this.made.open(), { label, role, expires: 0 }, { method: 'key' });
    await publishKey(await this.made.open(), prepared);
    const file = parseKeyFile(prepared.keyFile ?? new Uint8Array());
    const secret = file.secret.type === 'open' ? file.secret.secret : new Uint8Array();
    return { credential: { type: 'secret', secret }, carried: { client: file.client, bytes: file.slot } };
  }

  open({ credential, carried }: Holder): Promise<Repository> {
    return openRepository(this.made.surroundings, this.storage, {
      credential,
      keySlot: carried.client,
      carriedSlot: carried,
    });
  }

  async snapshot(holder?: Holder): Promise<string> {
    this.clock.advance(60_000);
    const repository = await loadIndex(await (holder === undefined ? this.made.open() : this.open(holder)));
    return (await backupOf(repository, this.folder, { storedAs: '/home' })).snapshot ?? '';
  }

  async rotate(...drop: string[]) {
    this.clock.advance(60_000);
    return rotateKeys(await this.made.open(), { drop, dryRun: false });
  }

  async rotateContent(...drop: string[]) {
    this.clock.advance(60_000);
    return rotateKeys(await this.made.open(), { drop, dryRun: false, content: true });
  }

  async seen(holder?: Holder) {
    const events: NeoEvent[] = [];
    const repository = await (holder === undefined ? this.made.open() : this.open(holder));
    const look = await lookAtSnapshots(repository, new MemoryState(), (event) => events.push(event));
    return { names: look.snapshots.map(({ name }) => name), events };
  }
}
