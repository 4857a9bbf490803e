/** What goes wrong in storage, and what is stopped. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { MemoryBackend } from '../../src/backends/memory.ts';
import { systemClock } from '../../src/core/clock.ts';
import { NeoError } from '../../src/core/errors.ts';
import type { StreamSource } from '../../src/tasks/backup/stream.ts';
import { Scratch } from '../fs/scratch.ts';
import { noise, TestRepository } from './backup-support.ts';

let scratch: Scratch;
let home: string;

beforeEach(() => {
  scratch = new Scratch();
  home = join(scratch.text, 'home');
  mkdirSync(home);
});

afterEach(() => scratch[Symbol.dispose]());

/** Takes so many packs, then is full. */
class FullBackend extends MemoryBackend {
  packs = 0;
  override async put(path: string, bytes: Uint8Array): Promise<void> {
    if (path.startsWith('packs/') && ++this.packs > 1) throw new NeoError('quota-exceeded', 'no space');
    return super.put(path, bytes);
  }
}

describe('a storage that is full', () => {
  test.each([0, 2])('ends the run long before all was read (%i workers)', async (workers) => {
    const backend = new FullBackend(systemClock);
    const repository = await TestRepository.make(backend, systemClock, 1 << 20);
    const piece = noise(1 << 20, 1);
    for (let file = 0; file < 24; file += 1) {
      for (let i = 0; i < 10; i += 1)
        writeFileSync(join(home, `${file}`), noise(65_536, file * 100 + i), { flag: 'a' });
      writeFileSync(join(home, `${file}`), piece.subarray(0, 65_536 * file), { flag: 'a' });
    }
    let chunks = 0;
    const whileReading = (): void => {
      chunks += 1;
    };
    const made = repository.snapshot([home], { workers, whileReading });
    await expect(made).rejects.toMatchObject({ code: 'quota-exceeded' });
    // About 450 if all were read, and at least 150; workers are not seen from here.
    expect(chunks).toBeLessThan(120);
    expect(backend.packs).toBeLessThan(12);
    expect(await repository.snapshots()).toEqual([]);
  });
});

describe('a stream', () => {
  const stream = (bytes: AsyncIterable<Uint8Array>, finished = async (): Promise<void> => undefined): StreamSource => ({
    storedAs: Buffer.from('/dumps/all.sql'),
    bytes,
    uid: 1,
    gid: 2,
    finished,
  });

  test('is saved as one file, in chunks, and not again', async () => {
    const repository = await TestRepository.make();
    const bytes = noise(3_000_000, 1);
    const pieces = (): Readable =>
      Readable.from([bytes.subarray(0, 1), bytes.subarray(1, 2_000_000), bytes.subarray(2_000_000)]);
    const made = await repository.snapshot([], { stream: stream(pieces()) });
    expect(made).toMatchObject({ filesNew: 1, bytesProcessed: 3_000_000 });
    const saved = (await repository.read()).get('/dumps/all.sql');
    expect(saved?.bytes?.equals(bytes)).toBe(true);
    const again = await repository.snapshot([], { stream: stream(pieces()) });
    expect(again.bytesAdded).toBeLessThan(5_000);
  });

  test('may be empty', async () => {
    const repository = await TestRepository.make();
    await repository.snapshot([], { stream: stream(Readable.from([])) });
    expect((await repository.read()).get('/dumps/all.sql')?.size).toBe(0);
  });

  test('whose producer failed is not published', async () => {
    const repository = await TestRepository.make();
    const finished = async (): Promise<void> => {
      throw new NeoError('failed', 'pg_dump: exit code 1');
    };
    const made = repository.snapshot([], { stream: stream(Readable.from([noise(100_000, 1)]), finished) });
    await expect(made).rejects.toMatchObject({ code: 'failed' });
    expect(await repository.snapshots()).toEqual([]);
  });

  test('that was interrupted is not published: half a dump looks like a whole one', async () => {
    const repository = await TestRepository.make();
    const stop = new AbortController();
    async function* halfOf(): AsyncGenerator<Uint8Array> {
      yield noise(100_000, 1);
      stop.abort();
    }
    const made = repository.snapshot([], { stream: stream(halfOf()), signal: stop.signal });
    await expect(made).rejects.toMatchObject({ code: 'interrupted' });
    expect(await repository.snapshots()).toEqual([]);
  });
});

describe('an interrupted run', () => {
  const fill = (): void => {
    for (const folder of ['a', 'b', 'c']) {
      mkdirSync(join(home, folder));
      for (let i = 0; i < 20; i += 1) writeFileSync(join(home, folder, `${i}`), noise(10_000, i));
      writeFileSync(join(home, folder, 'large'), noise(1_000_000, folder.charCodeAt(0)));
    }
  };
  /** Stops the run when the walk comes to that directory. */
  const stopAt = (folder: string) => {
    const stop = new AbortController();
    const filter = {
      enter: (_above: true | undefined, { name }: { name: Uint8Array }): true => {
        if (Buffer.from(name).toString() === folder) stop.abort();
        return true;
      },
      decide: () => ({ ignored: false, onlyToReach: false, rule: undefined }),
    };
    return { filter: () => filter, signal: stop.signal };
  };

  test('leaves a partial snapshot, and the next run does not send it again', async () => {
    fill();
    const repository = await TestRepository.make();
    const partial = await repository.snapshot([home], stopAt('c'));
    expect(partial.kind).toBe('partial');
    expect((await repository.snapshots()).map(({ body }) => body.kind)).toEqual(['partial']);
    const saved = await repository.read();
    expect(saved.get(join(home, 'b', 'large'))?.size).toBe(1_000_000);
    expect(saved.get(join(home, 'c', 'large'))).toBeUndefined();
    const next = await repository.snapshot([home]);
    expect(next).toMatchObject({ kind: 'snapshot', filesUnmodified: 42, filesNew: 21, parent: partial.snapshot });
    // The small files of c equal those of a and b, but went into bundles of their own.
    expect(next.bytesAdded).toBeLessThan(1_250_000);
  });

  test('does not make the next one forget what was complete before', async () => {
    fill();
    const repository = await TestRepository.make();
    await repository.snapshot([home]);
    writeFileSync(join(home, 'a', 'new'), 'new');
    await repository.snapshot([home], stopAt('b'));
    const next = await repository.snapshot([home]);
    expect(next).toMatchObject({ filesUnmodified: 64, filesNew: 0, filesChanged: 0, kind: 'snapshot' });
  });

  test('with workers stops as well', async () => {
    fill();
    const repository = await TestRepository.make();
    const partial = await repository.snapshot([home], { ...stopAt('c'), workers: 2 });
    expect(partial.kind).toBe('partial');
    expect(await repository.snapshot([home], { workers: 2 })).toMatchObject({ kind: 'snapshot', errors: 0 });
  });
});
