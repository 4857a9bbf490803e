/** The repository that every schedule begins with: empty, with the keys of its clients. */
import { MemoryBackend } from '../../../src/backends/memory.ts';
import type { Engine } from '../../../src/engine/engine.ts';
import { initRepository } from '../../../src/repo/init.ts';
import { openRepository, type Repository } from '../../../src/repo/repository.ts';
import { prepareKey, publishKey } from '../../../src/tasks/keys.ts';
import { cheapEngine } from '../cheap-engine.ts';
import { SimRandom } from '../sim-random.ts';
import { StorageClock } from './scheduler.ts';
import { type Start, startsOf } from './start.ts';

export interface Base {
  readonly storage: MemoryBackend;
  /** Role full: two writers, pruners, forgetters. */
  readonly full: readonly Repository[];
  /** Role write. */
  readonly write: Repository;
  /** A stolen key of role write. */
  readonly thief: Repository;
}

/** What schedules begin with: of one repository, at many moments of its life. */
export interface Beginnings {
  readonly base: Base;
  readonly starts: readonly Start[];
  /** With few snapshots. */
  readonly small: readonly Start[];
}

export async function makeBeginnings(engine: Engine, count = 64): Promise<Beginnings> {
  const base = await makeBase(engine);
  return { base, starts: await startsOf(base, count, 4), small: await startsOf(base, count, 2) };
}

async function makeBase(engine: Engine): Promise<Base> {
  const surroundings = { engine: cheapEngine(engine), clock: new StorageClock(), random: new SimRandom(1) };
  const storage = new MemoryBackend(surroundings.clock);
  const secret = new Uint8Array(32).fill(7);
  await initRepository(surroundings, storage, {
    credential: { type: 'secret', secret },
    method: 'key',
    label: 'first',
    chunker: { min: 1024, average: 16_384, max: 65_536 },
    packTarget: 1 << 16,
    compression: 0,
    blobSuite: 'aes-256-gcm',
  });
  const first = await openRepository(surroundings, storage, { credential: { type: 'secret', secret } });
  const another = async (role: 'full' | 'write', label: string): Promise<Repository> => {
    const key = await prepareKey(first, { label, role, expires: 0 }, { method: 'key' });
    await publishKey(first, key);
    if (key.secret === undefined) throw new Error('a key file has a secret');
    const credential = { type: 'secret', secret: key.secret } as const;
    return openRepository(surroundings, storage, { credential, keySlot: key.id });
  };
  const second = await another('full', 'second');
  return {
    storage,
    full: [first, second],
    write: await another('write', 'writer'),
    thief: await another('write', 'thief'),
  };
}
