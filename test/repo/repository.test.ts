/** Opening repositories: what is found, what is refused, and that nothing is written on the way. */
import { describe, expect, it } from 'vitest';
import type { Backend, ObjectInfo } from '../../src/backends/backend.ts';
import { FaultBackend } from '../../src/backends/fault.ts';
import { MemoryBackend } from '../../src/backends/memory.ts';
import { concatBytes, fromHex, toHex } from '../../src/core/bytes.ts';
import { type ErrorCode, isNeoError } from '../../src/core/errors.ts';
import { systemRandom } from '../../src/core/random.ts';
import { signBytes } from '../../src/engine/identity.ts';
import { encodeConfig, type RepositoryConfig } from '../../src/repo/config.ts';
import { initRepository } from '../../src/repo/init.ts';
import { isRepository, openRepository } from '../../src/repo/repository.ts';
import { SimClock } from '../support/sim-clock.ts';
import {
  addClient,
  SMALL,
  type TempRepository,
  tempLocalBackend,
  tempRepository,
  testCredential,
  testEngine,
} from '../support/temp-repository.ts';

async function paths(backend: Backend): Promise<string[]> {
  const found: string[] = [];
  for await (const { path } of backend.list('')) found.push(path);
  return found.sort();
}

async function failure(act: () => Promise<unknown>): Promise<ErrorCode | string> {
  try {
    await act();
    return 'none';
  } catch (error) {
    return isNeoError(error) ? error.code : `not a NeoError: ${String(error)}`;
  }
}

/** Signed as every version is. */
function ofVersion2(config: RepositoryConfig, seed: Uint8Array): Uint8Array {
  const one = encodeConfig(testEngine, config, seed);
  const unsigned = one.slice(0, one.length - 68);
  unsigned[4] = 2;
  return concatBytes(unsigned, signBytes(testEngine, seed, 'config', fromHex(config.repository), unsigned));
}

async function slotAndConfig(made: TempRepository): Promise<{ slot: string; config: string }> {
  const all = await paths(made.backend);
  const [slot, config] = [all.find((path) => path.startsWith('keys/')), all.find((path) => path.startsWith('config/'))];
  if (slot === undefined || config === undefined) throw new Error('no repository was made');
  return { slot, config };
}

async function bytesOf(backend: Backend, path: string): Promise<Uint8Array> {
  const bytes = await backend.get(path);
  if (bytes === undefined) throw new Error(`no ${path}`);
  return bytes;
}

function plant(backend: MemoryBackend, path: string, bytes: Uint8Array): void {
  backend.tamper(path, bytes);
}

describe('a new repository', () => {
  it('is one slot and one configuration, and opens with what was chosen', async () => {
    const made = await tempRepository();
    const { slot, config } = await slotAndConfig(made);
    expect(await paths(made.backend)).toEqual([config, slot].sort());
    const opened = await made.open();
    expect(opened.config.chunker).toEqual(SMALL.chunker);
    expect(opened.config.packTarget).toBe(SMALL.packTarget);
    expect(opened.id).toBe(made.config.repository);
    expect(opened.keys.full?.epochs).toHaveLength(1);
  });

  it('opens from a local folder', async () => {
    const made = await tempRepository({ backend: await tempLocalBackend() });
    expect((await made.open()).config.epoch).toBe(0);
  });

  it('writes the configuration last', async () => {
    const backend = new FaultBackend(new MemoryBackend(new SimClock()), {}, systemRandom);
    await tempRepository({ backend });
    const puts = backend.log.filter(({ kind }) => kind === 'put').map(({ path }) => path.split('/')[0]);
    expect(puts).toEqual(['keys', 'config']);
  });

  it('is refused where one is, and that one stays as it was', async () => {
    const made = await tempRepository();
    const before = await paths(made.backend);
    const again = (): Promise<unknown> =>
      initRepository(made.surroundings, made.backend, {
        ...SMALL,
        credential: testCredential,
        method: 'key',
        label: 'x',
      });
    expect(await failure(again)).toBe('already-exists');
    expect(await paths(made.backend)).toEqual(before);
  });

  it.each([0, 1])('by two at once stays with one at most, whose clocks differ by %i ms', async (apart) => {
    const clock = new SimClock();
    let stored = 0;
    let last = Promise.resolve();
    let all: () => void = () => undefined;
    const bothStored = new Promise<void>((resolve) => {
      all = resolve;
    });
    class Meeting extends MemoryBackend {
      override async put(path: string, bytes: Uint8Array): Promise<void> {
        if (!path.startsWith('config/')) return super.put(path, bytes);
        last = last.then(() => {
          clock.advance(apart);
          return super.put(path, bytes);
        });
        await last;
        stored += 1;
        if (stored === 2) all();
        await bothStored;
      }
    }
    const backend = new Meeting(clock);
    const made = await Promise.allSettled([tempRepository({ backend, clock }), tempRepository({ backend, clock })]);
    const refused = made.filter(({ status }) => status === 'rejected');
    expect(refused).toHaveLength(apart === 0 ? 2 : 1);
    for (const each of refused) expect(each).toMatchObject({ reason: { code: 'already-exists' } });
    expect(await paths(backend)).toHaveLength(apart === 0 ? 0 : 2);
    for (const each of made) if (each.status === 'fulfilled') expect((await each.value.open()).config.epoch).toBe(0);
  });

  it('waits until it can see others before it believes that it is alone', async () => {
    const done: string[] = [];
    class Late extends MemoryBackend {
      async settle(): Promise<void> {
        done.push('settled');
      }
      override async put(path: string, bytes: Uint8Array): Promise<void> {
        done.push(path.split('/')[0] ?? '');
        await super.put(path, bytes);
      }
      override async stat(path: string): Promise<ObjectInfo | undefined> {
        done.push('looked');
        return super.stat(path);
      }
    }
    await tempRepository({ backend: new Late(new SimClock()) });
    expect(done).toEqual(['keys', 'config', 'settled', 'looked']);
  });

  it('may be made over what a crashed one left', async () => {
    const made = await tempRepository();
    const { config } = await slotAndConfig(made);
    made.backend.tamper(config, (await bytesOf(made.backend, config)).subarray(0, 100));
    expect(await isRepository(testEngine, made.backend)).toBe(false);
    expect(await failure(() => made.open())).toBe('no-repository');
  });
});

describe('opening', () => {
  it('tells no repository from a wrong key', async () => {
    const made = await tempRepository();
    const wrong = { type: 'secret' as const, secret: new Uint8Array(32) };
    expect(await failure(() => made.open(testEngine, wrong))).toBe('wrong-password');
    const options = { credential: testCredential };
    const nothing = new MemoryBackend(new SimClock());
    expect(await failure(() => openRepository(made.surroundings, nothing, options))).toBe('no-repository');
  });

  it('refuses a configuration that is not the one of the slot', async () => {
    const made = await tempRepository();
    const { config } = await slotAndConfig(made);
    const epoch = (await made.open()).keys.full?.epochs[0];
    const forged = encodeConfig(testEngine, { ...made.config, compression: 9 }, epoch?.signSeed ?? new Uint8Array(32));
    made.backend.tamper(config, undefined);
    plant(made.backend, `config/0-${toHex(testEngine.blake3(forged))}`, forged);
    expect(await failure(() => made.open())).toBe('integrity');
  });

  it('notices that the configuration went back behind the slot', async () => {
    const made = await tempRepository();
    const opened = await made.open();
    const epoch = opened.keys.full?.epochs[0];
    const next = encodeConfig(
      testEngine,
      { ...made.config, epoch: 1, previous: opened.configName },
      epoch?.signSeed ?? new Uint8Array(32),
    );
    const path = `config/1-${toHex(testEngine.blake3(next))}`;
    await made.backend.put(path, next);
    const newer = await made.open();
    expect(newer.config.epoch).toBe(1);
    const credential = await addClient(newer, 'full', 9);
    expect((await made.open(testEngine, credential)).config.epoch).toBe(1);
    made.backend.tamper(path, undefined);
    expect((await made.open()).config.epoch).toBe(0);
    expect(await failure(() => made.open(testEngine, credential))).toBe('integrity');
  });

  it('is not stopped by a copy of a configuration or a slot under another spelling', async () => {
    const made = await tempRepository();
    const { slot, config } = await slotAndConfig(made);
    plant(made.backend, config.replace('config/0-', 'config/00-'), await bytesOf(made.backend, config));
    plant(made.backend, `${slot}0`, new Uint8Array(10));
    expect((await made.open()).config.epoch).toBe(0);
  });

  it('is not stopped by strange objects among configurations and slots', async () => {
    const made = await tempRepository();
    plant(made.backend, `config/1-${'0'.repeat(64)}`, new Uint8Array(5));
    plant(made.backend, 'config/readme', new Uint8Array(5));
    plant(made.backend, `keys/${'0'.repeat(32)}/0`, new Uint8Array(5));
    plant(made.backend, 'keys/readme', new Uint8Array(5));
    expect((await made.open()).chain.ignored).toHaveLength(1);
  });

  it('is not stopped by a slot that only a newer neo knows, unless that is the one', async () => {
    const made = await tempRepository();
    const { slot } = await slotAndConfig(made);
    const bytes = await bytesOf(made.backend, slot);
    const newer = bytes.slice();
    newer[4] = 2;
    plant(made.backend, `keys/${'0'.repeat(32)}/0`, newer);
    expect((await made.open()).config.epoch).toBe(0);
    made.backend.tamper(slot, newer);
    expect(await failure(() => made.open())).toBe('needs-newer-neo');
  });

  it('needs a newer neo for a later version or feature, and writes nothing', async () => {
    for (const change of ['header', 'body'] as const) {
      const made = await tempRepository();
      const opened = await made.open();
      const seed = opened.keys.full?.epochs[0]?.signSeed ?? new Uint8Array(32);
      const features = { ...made.config.features, read: change === 'body' ? ['sideways'] : [] };
      const config = { ...made.config, epoch: 1, previous: opened.configName, features };
      const bytes = change === 'header' ? ofVersion2(config, seed) : encodeConfig(testEngine, config, seed);
      await made.backend.put(`config/1-${toHex(testEngine.blake3(bytes))}`, bytes);
      const before = await paths(made.backend);
      expect(await failure(() => made.open())).toBe('needs-newer-neo');
      expect(await paths(made.backend)).toEqual(before);
    }
  });

  it('refuses the slot of another repository', async () => {
    const made = await tempRepository();
    const other = await tempRepository();
    const { slot, config } = await slotAndConfig(made);
    const foreign = await slotAndConfig(other);
    const bytes = await bytesOf(other.backend, foreign.slot);
    made.backend.tamper(slot, undefined);
    plant(made.backend, foreign.slot, bytes);
    expect(await failure(() => made.open())).toBe('wrong-password');
    const relabelled = bytes.slice();
    relabelled.set((await bytesOf(made.backend, config)).subarray(0, 24).subarray(8), 8);
    plant(made.backend, foreign.slot, relabelled);
    expect(['integrity', 'wrong-password']).toContain(await failure(() => made.open()));
  });

  it('refuses a slot with a bit flipped or bytes behind it', async () => {
    const made = await tempRepository();
    const { slot } = await slotAndConfig(made);
    const bytes = await bytesOf(made.backend, slot);
    for (let at = 0; at < bytes.length; at += 7) {
      const flipped = bytes.slice();
      flipped[at] = (flipped[at] ?? 0) ^ 1;
      made.backend.tamper(slot, flipped);
      expect(['integrity', 'wrong-password', 'needs-newer-neo', 'none']).toContain(await failure(() => made.open()));
    }
    made.backend.tamper(slot, concatBytes(bytes, Uint8Array.of(0)));
    expect(await failure(() => made.open())).toBe('wrong-password');
  });
});
