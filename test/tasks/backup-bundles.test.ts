/** Small files in bundles: the same everywhere, and not kept for the sake of a few. */
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { MemoryBackend } from '../../src/backends/memory.ts';
import { toBase64 } from '../../src/core/bytes.ts';
import { type Clock, systemClock } from '../../src/core/clock.ts';
import { NeoError } from '../../src/core/errors.ts';
import { Scratch } from '../fs/scratch.ts';
import { clockAhead, type Found, noise, sameBytes, TestRepository } from './backup-support.ts';

let scratch: Scratch;
let home: string;

beforeEach(() => {
  scratch = new Scratch();
  home = join(scratch.text, 'home');
  mkdirSync(home);
});

afterEach(() => scratch[Symbol.dispose]());

/** Plain bytes of the bundles that a snapshot refers to, and of the distinct small contents in it. */
function weigh(nodes: Iterable<Found>): {
  readonly bundles: Map<string, number>;
  readonly kept: number;
  readonly live: number;
} {
  const bundles = new Map<string, number>();
  const contents = new Map<string, number>();
  for (const { content, contentHash, size } of nodes) {
    if (content?.type !== 'slice' || contentHash === undefined) continue;
    bundles.set(toBase64(content.bundle), content.bundleLength);
    contents.set(toBase64(contentHash), size);
  }
  const sum = (map: Map<string, number>): number => [...map.values()].reduce((total, bytes) => total + bytes, 0);
  return { bundles, kept: sum(bundles), live: sum(contents) };
}

test('the same directory gives the same bundles elsewhere', async () => {
  for (const place of ['one', 'other/deep']) {
    mkdirSync(join(home, place), { recursive: true });
    for (let i = 0; i < 200; i += 1) writeFileSync(join(home, place, `${i}`), noise(200 + ((i * 37) % 3000), i));
  }
  const repository = await TestRepository.make();
  await repository.snapshot([join(home, 'one')], { host: 'a' });
  const first = weigh((await repository.read()).values());
  const second = await repository.snapshot([join(home, 'other/deep')], { host: 'b', workers: 2 });
  const { bundles } = weigh((await repository.read()).values());
  expect(bundles).toEqual(first.bundles);
  expect(bundles.size).toBeGreaterThan(3);
  // Trees alone: their times and inodes are others.
  expect(second.bytesAdded).toBeLessThan(200 * 400);
});

test('equal files are stored once', async () => {
  for (let i = 0; i < 50; i += 1) writeFileSync(join(home, `${i}`), noise(5_000, i % 2));
  const repository = await TestRepository.make();
  await repository.snapshot([home]);
  expect(weigh((await repository.read()).values()).kept).toBe(10_000);
});

test('a bundle of which one file is left, under many names, is given up', async () => {
  for (let i = 0; i < 12; i += 1) writeFileSync(join(home, `${i}`), noise(5_000, i));
  for (let i = 0; i < 12; i += 1) writeFileSync(join(home, `copy${i}`), noise(5_000, 0));
  const repository = await TestRepository.make();
  await repository.snapshot([home]);
  for (let i = 1; i < 12; i += 1) rmSync(join(home, `${i}`));
  await repository.snapshot([home]);
  expect(await repository.snapshot([home])).toMatchObject({ errors: 0 });
  expect(weigh((await repository.read()).values())).toMatchObject({ kept: 5_000, live: 5_000 });
  const settled = await repository.snapshot([home]);
  expect(settled).toMatchObject({ filesUnmodified: 13, bytesAdded: 0 });
});

test('over generations of changes the bundles stay below 2.5 times what lives in them', async () => {
  const files = 600;
  const write = (i: number, generation: number): void =>
    writeFileSync(
      join(home, `${i % 7}`, `${i}`),
      noise(300 + ((i * 131 + generation * 17) % 4_000), i + generation * files),
    );
  for (let folder = 0; folder < 7; folder += 1) mkdirSync(join(home, `${folder}`));
  for (let i = 0; i < files; i += 1) write(i, 0);
  const repository = await TestRepository.make();
  const ratios: number[] = [];
  let added = 0;
  for (let generation = 1; generation <= 15; generation += 1) {
    const made = await repository.snapshot([home]);
    expect(made.errors).toBe(0);
    if (generation > 1) added += made.bytesAdded;
    const { kept, live } = weigh((await repository.read()).values());
    ratios.push(kept / live);
    for (let i = 0; i < files; i += 1) if ((i * 7_919 + generation * 104_729) % 12 === 0) write(i, generation);
  }
  expect(Math.max(...ratios)).toBeLessThan(2.5);
  // A twelfth of 1.4 MB changes each time: with trees and survivors no more than five times that is stored.
  expect(added / 14).toBeLessThan(600_000);
  const [sample] = [...(await repository.read())].filter(([path]) => path.endsWith('/3/598'));
  expect(sample === undefined || sameBytes(sample[1], sample[0])).toBe(true);
});

/** Dies with its process: nothing more is stored after so many packs. */
class DyingBackend extends MemoryBackend {
  left = Number.POSITIVE_INFINITY;
  override async put(path: string, bytes: Uint8Array): Promise<void> {
    if (this.left <= 0) throw new NeoError('unreachable', 'killed');
    if (path.startsWith('packs/')) this.left -= 1;
    return super.put(path, bytes);
  }
}

test('a run that is killed after a while is not sent again', async () => {
  let seconds = 0;
  const clock: Clock = { now: clockAhead.now, monotonic: () => seconds * 1_000 };
  const backend = new DyingBackend(systemClock);
  const repository = await TestRepository.make(backend, clock, 4 << 20);
  for (let i = 0; i < 120; i += 1) writeFileSync(join(home, `${i}`), noise(1_000_000, i));
  // 27 packs of 4 MiB of the 29 that it takes; half a minute passes.
  backend.left = 27;
  const killed = repository.snapshot([home], { whileReading: () => (seconds += 0.02) });
  await expect(killed).rejects.toMatchObject({ code: 'unreachable' });
  const segments = [...(await repository.objects('index')).keys()];
  expect(segments.length).toBeGreaterThan(0);
  expect(segments.every((path) => path.split('/').length === 3)).toBe(true);
  backend.left = Number.POSITIVE_INFINITY;
  const next = await repository.snapshot([home]);
  // Of 120 MB, what the last segment did not name yet: less than 64 MiB and what was in work.
  expect(next.bytesAdded).toBeLessThan(75_000_000);
  expect(sameBytes((await repository.read()).get(join(home, '77')), join(home, '77'))).toBe(true);
});
