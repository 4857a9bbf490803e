/** Makes repositories for the decoder: the data path of `neo init` and `neo snapshot`, in this process. */
import { openLocal } from '../../src/backends/local.ts';
import { utf8 } from '../../src/core/bytes.ts';
import { systemClock } from '../../src/core/clock.ts';
import { systemRandom } from '../../src/core/random.ts';
import type { EngineName } from '../../src/engine/engine.ts';
import { DEFAULT_ARGON2, DEFAULT_SCRYPT } from '../../src/engine/kdf.ts';
import { loadEngine } from '../../src/engine/load.ts';
import { systemAccounts } from '../../src/fs/owners.ts';
import { MemoryState } from '../../src/repo/client-state.ts';
import { loadIndex } from '../../src/repo/indexed.ts';
import { DEFAULT_CHUNKER, initRepository } from '../../src/repo/init.ts';
import { openRepository } from '../../src/repo/repository.ts';
import { backup } from '../../src/tasks/backup.ts';

/** Small packs, so that a small tree fills several. */
const PACK_TARGET = 4 << 20;

export interface Store {
  snapshot(source: string): Promise<void>;
}

/** A new repository with a password: Argon2id and AES on the native engine, scrypt and ChaCha20 on the portable one. */
export async function createStore(folder: string, password: string, name: EngineName): Promise<Store> {
  const engine = await loadEngine(name);
  const surroundings = { engine, clock: systemClock, random: systemRandom };
  const backend = await openLocal(folder, { create: true });
  const credential = { type: 'password' as const, password: utf8(password) };
  const salt = systemRandom.bytes(16);
  const kdf =
    name === 'native'
      ? { name: 'argon2id' as const, ...DEFAULT_ARGON2, salt }
      : { name: 'scrypt' as const, ...DEFAULT_SCRYPT, salt };
  await initRepository(surroundings, backend, {
    credential,
    label: 'first',
    chunker: DEFAULT_CHUNKER,
    packTarget: PACK_TARGET,
    compression: 3,
    blobSuite: name === 'native' ? 'aes-256-gcm' : 'chacha20-poly1305',
    method: 'password',
    kdf,
  });
  const state = new MemoryState();
  return {
    async snapshot(source) {
      const repository = await loadIndex(await openRepository(surroundings, backend, { credential }));
      const path = utf8(source);
      const options = {
        sources: [{ path, storedAs: path, named: true }],
        filter: () => undefined,
        oneFileSystem: false,
        host: 'here',
        user: 'me',
        tags: ['a', 'b=c'],
        excludes: [],
        program: 'test',
        force: false,
        rules: { ignoreInode: false, ignoreCtime: false },
        skipIfUnchanged: false,
        dryRun: false,
        withAtime: false,
        accounts: systemAccounts(),
        workers: name === 'native' ? 2 : 0,
      };
      const { errors } = await backup(repository, state, options, () => undefined);
      if (errors > 0) throw new Error(`${errors} files could not be saved`);
    },
  };
}
