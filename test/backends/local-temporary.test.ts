import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { hasRemoteClock, probeClock } from '../../src/backends/local-temporary.ts';
import { systemRandom } from '../../src/core/random.ts';
import { SimClock } from '../support/sim-clock.ts';

it("asks the storage's clock with a probe that leaves nothing behind", async () => {
  const folder = await mkdtemp(join(tmpdir(), 'neo-probe-'));
  try {
    const wrong = new SimClock(0);
    // File systems may round down by up to two seconds (FAT).
    const before = Date.now() - 2000;
    const now = await probeClock(folder, systemRandom, wrong);
    expect(now).toBeGreaterThanOrEqual(before);
    expect(now).toBeLessThanOrEqual(Date.now());
    expect(await readdir(folder)).toEqual([]);
    expect(await probeClock(join(folder, 'absent'), systemRandom, wrong)).toBe(0);
  } finally {
    await rm(folder, { recursive: true });
  }
});

it('knows network places by their type', async () => {
  expect(await hasRemoteClock('\\\\server\\share')).toBe(true);
  expect(await hasRemoteClock('/nowhere/at/all')).toBe(false);
  if (process.platform === 'linux') expect(await hasRemoteClock('/proc')).toBe(false);
});
