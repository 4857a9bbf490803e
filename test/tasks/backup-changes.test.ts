/** Files that change, vanish or are replaced between the walk's look at them and their reading, and while they are read. */
import { execFileSync } from 'node:child_process';
import {
  appendFileSync,
  closeSync,
  linkSync,
  mkdirSync,
  openSync,
  readFileSync,
  rmSync,
  symlinkSync,
  truncateSync,
  unlinkSync,
  utimesSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { WalkFilter } from '../../src/fs/walk.ts';
import { hasProgram, Scratch } from '../fs/scratch.ts';
import { noise, sameBytes, TestRepository } from './backup-support.ts';

let scratch: Scratch;
let repository: TestRepository;
let home: string;

beforeEach(async () => {
  scratch = new Scratch();
  home = join(scratch.text, 'home');
  mkdirSync(home);
  writeFileSync(at('other'), 'other');
  repository = await TestRepository.make();
});

afterEach(() => scratch[Symbol.dispose]());

const at = (...names: string[]): string => join(home, ...names);
const found = async (name: string) => (await repository.read()).get(at(name));

/**
 * Acts when the walk has looked at a name: by default at the last one, when small files were looked at and not yet read.
 * Large ones are read as soon as they were looked at.
 */
async function snapshotWith(action: () => void, when = 'zz') {
  writeFileSync(at('zz'), '');
  const filter: WalkFilter<true> = {
    enter: () => true,
    decide(_scope, name) {
      if (Buffer.from(name).toString() === when) action();
      return { ignored: false, onlyToReach: false, rule: undefined };
    },
  };
  return repository.snapshot([home], { filter: () => filter });
}

describe('between the look and the reading', () => {
  test('a small file grows large: all of it is saved', async () => {
    writeFileSync(at('log'), 'first line\n');
    const made = await snapshotWith(() => appendFileSync(at('log'), noise(1_000_000, 1)));
    expect(made.errors).toBe(0);
    expect(sameBytes(await found('log'), at('log'))).toBe(true);
    expect((await found('log'))?.extents).toBeUndefined();
    expect(await repository.snapshot([home])).toMatchObject({ filesUnmodified: 3 });
  });

  test('a small file grows to exactly the threshold of bundles, and to one byte less', async () => {
    for (const size of [16_383, 16_384, 16_385]) {
      writeFileSync(at('log'), 'x');
      await snapshotWith(() => writeFileSync(at('log'), noise(size, size)));
      expect(sameBytes(await found('log'), at('log')), String(size)).toBe(true);
    }
  });

  test('a large file becomes small, or empty', async () => {
    for (const size of [10, 0]) {
      writeFileSync(at('log'), noise(100_000, 1));
      expect((await snapshotWith(() => truncateSync(at('log'), size), 'log')).errors).toBe(0);
      expect(sameBytes(await found('log'), at('log')), String(size)).toBe(true);
    }
  });

  test('a file vanishes: it is named, and the others are saved', async () => {
    writeFileSync(at('gone'), 'x');
    const made = await snapshotWith(() => unlinkSync(at('gone')));
    expect(made.warnings).toEqual([{ path: at('gone'), message: expect.stringContaining('vanished') }]);
    expect(made.errors).toBe(1);
    expect(await found('gone')).toBeUndefined();
    expect(sameBytes(await found('other'), at('other'))).toBe(true);
  });

  test.runIf(hasProgram('mkfifo'))(
    'something else takes its place: a fifo, a symlink, a directory, a file',
    async () => {
      const replacements: Record<string, () => void> = {
        fifo: () => execFileSync('mkfifo', [at('file')]),
        symlink: () => symlinkSync('/etc/passwd', at('file')),
        directory: () => mkdirSync(at('file')),
        file: () => {
          linkSync(at('other'), at('file'));
        },
      };
      for (const [name, replace] of Object.entries(replacements)) {
        rmSync(at('file'), { recursive: true, force: true });
        writeFileSync(at('file'), 'x');
        const made = await snapshotWith(() => {
          unlinkSync(at('file'));
          replace();
        });
        expect(made.errors, name).toBe(1);
        expect(made.warnings[0]?.path, name).toBe(at('file'));
        expect(await found('file'), name).toBeUndefined();
      }
    },
  );

  test('the first name of a file with two goes: the second one is saved', async () => {
    for (const size of [100, 100_000]) {
      writeFileSync(at('a'), noise(size, 3));
      linkSync(at('a'), at('b'));
      linkSync(at('a'), at('c'));
      const made = await snapshotWith(() => unlinkSync(at('a')), size < 16_384 ? 'zz' : 'a');
      for (const name of ['b', 'c']) expect(sameBytes(await found(name), at(name)), `${name} of ${size}`).toBe(true);
      expect(made.warnings.map(({ path }) => path)).toEqual([at('a')]);
      for (const name of ['b', 'c']) unlinkSync(at(name));
    }
  });
});

/** Larger than what is read at once. */
const LARGE = 9_000_000;

describe('while it is read', () => {
  /** Acts once, when the first bytes were read and the last ones were not. */
  function once(action: () => void): () => void {
    let done = false;
    return () => {
      if (!done) action();
      done = true;
    };
  }

  test('a file that grows once is read again and saved whole', async () => {
    writeFileSync(at('file'), noise(LARGE, 1));
    const made = await repository.snapshot([home], { whileReading: once(() => appendFileSync(at('file'), 'end')) });
    expect(made.errors).toBe(0);
    expect(sameBytes(await found('file'), at('file'))).toBe(true);
  });

  test('a file that is cut off once is read again', async () => {
    writeFileSync(at('file'), noise(LARGE, 1));
    const made = await repository.snapshot([home], { whileReading: once(() => truncateSync(at('file'), 8_500_000)) });
    expect(made.errors).toBe(0);
    expect(sameBytes(await found('file'), at('file'))).toBe(true);
  });

  test('a file that grows without end has the size of the bytes saved, and is named', async () => {
    writeFileSync(at('file'), noise(LARGE, 1));
    const made = await repository.snapshot([home], { whileReading: () => appendFileSync(at('file'), 'more') });
    expect(made.errors).toBe(1);
    expect(made.warnings[0]).toMatchObject({ path: at('file'), message: expect.stringContaining('changed while') });
    const saved = await found('file');
    expect(saved?.bytes?.equals(readFileSync(at('file')).subarray(0, saved.size))).toBe(true);
    expect(await repository.snapshot([home])).toMatchObject({ filesChanged: 1 });
  });

  test('a file that shrinks without end has the size of the bytes saved', async () => {
    let size = LARGE;
    const bytes = noise(LARGE, 1);
    writeFileSync(at('file'), bytes);
    const shrink = (): void => {
      size -= 20_000;
      truncateSync(at('file'), size);
    };
    const made = await repository.snapshot([home], { whileReading: shrink });
    expect(made.errors).toBe(1);
    const saved = await found('file');
    expect(saved?.bytes?.equals(bytes.subarray(0, saved.size))).toBe(true);
  });

  test('a sparse file that is cut off again and again keeps its data where it was', async () => {
    const fd = openSync(at('file'), 'w');
    const end = 40_000_000;
    const data = noise(LARGE, 2);
    writeSync(fd, data, 0, LARGE, 0);
    writeSync(fd, data, 0, LARGE, end - LARGE);
    closeSync(fd);
    let size = end;
    const made = await repository.snapshot([home], {
      whileReading: () => {
        size -= 100_000;
        truncateSync(at('file'), size);
      },
    });
    expect(made.errors).toBe(1);
    const saved = await found('file');
    const whole = Buffer.concat([data, Buffer.alloc(end - 2 * LARGE), data]);
    expect(saved?.bytes?.equals(whole.subarray(0, saved.size))).toBe(true);
  });

  test('a file rewritten in place all the time is named, and read again by the next run', async () => {
    writeFileSync(at('file'), noise(LARGE, 1));
    let turn = 0;
    const made = await repository.snapshot([home], {
      whileReading: () => {
        turn += 1;
        const fd = openSync(at('file'), 'r+');
        writeSync(fd, `turn ${turn}`, 0);
        closeSync(fd);
        utimesSync(at('file'), turn, turn);
      },
    });
    expect(made.errors).toBe(1);
    expect((await found('file'))?.size).toBe(LARGE);
    const next = await repository.snapshot([home]);
    expect(next).toMatchObject({ filesChanged: 1, errors: 0 });
    expect(sameBytes(await found('file'), at('file'))).toBe(true);
  });
});
