/** A check that reads a little each time, those packs first that were read longest ago. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { MemoryBackend } from '../../src/backends/memory.ts';
import { ignoreEvents, type NeoEvent } from '../../src/core/events.ts';
import { MemoryState } from '../../src/repo/client-state.ts';
import { type CheckOptions, type CheckSummary, check } from '../../src/tasks/check.ts';
import { backupOf } from '../support/backup.ts';
import { SimClock } from '../support/sim-clock.ts';
import { type TempRepository, tempFolder, tempRepository } from '../support/temp-repository.ts';
import { noise } from './restore-support.ts';

const DAY = 86_400_000;
const A_PACK: CheckOptions = { readData: { type: 'rolling', maxAge: 30 * DAY, budget: 1 } };

let clock: SimClock;
let made: TempRepository<MemoryBackend>;
let state: MemoryState;
let packs: string[];

beforeEach(async () => {
  clock = new SimClock(Date.UTC(2026, 5, 1));
  made = await tempRepository({ clock, backend: new MemoryBackend(clock) });
  const folder = await tempFolder();
  for (let n = 0; n < 4; n++) {
    await writeFile(join(folder, 'file'), noise(n, 200_000));
    await backupOf(await made.openIndexed(), folder);
  }
  packs = [];
  for await (const { path } of made.backend.list('packs')) packs.push(path);
  state = new MemoryState();
});

async function run(
  options: CheckOptions = A_PACK,
  signal?: AbortSignal,
  onEvent = ignoreEvents,
): Promise<CheckSummary> {
  clock.advance(60_000);
  return check(await made.openIndexed(), state, options, onEvent, signal);
}

async function stateFile(): Promise<string> {
  return `read.${(await made.open()).id}`;
}

describe('a rolling check', () => {
  it('has read everything once when it has run as often as there are packs, and then waits', async () => {
    expect(packs.length).toBeGreaterThan(4);
    for (let left = packs.length - 1; left >= 0; left--) {
      const { packsRead, packsLeft, packsFresh } = await run();
      expect([packsRead, packsLeft, packsFresh]).toEqual([1, left, packs.length - 1 - left]);
    }
    expect(await run()).toMatchObject({ packsRead: 0, packsLeft: 0, packsFresh: packs.length, damages: [] });
    clock.advance(31 * DAY);
    expect(await run()).toMatchObject({ packsRead: 1, packsLeft: packs.length - 1, packsFresh: 0 });
  });

  it('takes into account what other checks have read', async () => {
    await run({ readData: 'all' });
    expect(await run()).toMatchObject({ packsRead: 0, packsFresh: packs.length });
    // Without an age all are due, the oldest first.
    const all = { type: 'rolling', maxAge: 0 } as const;
    expect(await run({ readData: all })).toMatchObject({ packsRead: packs.length, packsLeft: 0 });
  });

  it('names damage each time, whatever was read before', async () => {
    await run({ readData: 'all' });
    clock.advance(31 * DAY);
    const [path = ''] = packs;
    const bytes = (await made.backend.get(path)) ?? new Uint8Array();
    bytes[100] = (bytes[100] ?? 0) ^ 1;
    made.backend.tamper(path, bytes);
    const whole: CheckOptions = { readData: { type: 'rolling', maxAge: 30 * DAY } };
    for (const read of [packs.length, 1, 1]) {
      const { damages, packsRead } = await run(whole);
      expect([damages.map(({ object }) => object), packsRead]).toEqual([[path], read]);
    }
  });

  it('goes on where it was interrupted', async () => {
    const abort = new AbortController();
    const onEvent = (event: NeoEvent): void => {
      if (event.type === 'progress' && event.phase === 'check data' && event.progress.files === 2) abort.abort();
    };
    const everything: CheckOptions = { readData: { type: 'rolling', maxAge: 30 * DAY } };
    await expect(run(everything, abort.signal, onEvent)).rejects.toMatchObject({ code: 'interrupted' });
    const { packsRead = 0, packsFresh = 0 } = await run(everything);
    expect(packsFresh).toBeGreaterThanOrEqual(2);
    expect(packsRead + packsFresh).toBe(packs.length);
  });

  it.each(['damaged', 'cut', 'of another key', 'to come'])('reads everything where its memory is %s', async (how) => {
    await run({ readData: 'all' });
    const name = await stateFile();
    const bytes = (await state.read(name))?.slice() ?? new Uint8Array();
    if (how === 'damaged') bytes[50] = (bytes[50] ?? 0) ^ 1;
    if (how === 'of another key') bytes.fill(7, 0, 32);
    if (how === 'to come') clock.set(Date.UTC(2025, 0, 1));
    await state.write(name, how === 'cut' ? bytes.subarray(0, 60) : bytes);
    expect(await run()).toMatchObject({ packsRead: 1, packsFresh: 0, packsLeft: packs.length - 1 });
  });
});
