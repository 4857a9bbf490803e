/** Snapshots that came late: they count when somebody has made sure that they are whole. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { MemoryBackend } from '../../src/backends/memory.ts';
import { ignoreEvents } from '../../src/core/events.ts';
import { MemoryState } from '../../src/repo/client-state.ts';
import { check } from '../../src/tasks/check.ts';
import { confirmSnapshots } from '../../src/tasks/confirm.ts';
import { forget } from '../../src/tasks/forget.ts';
import { backupOf } from '../support/backup.ts';
import { SimClock } from '../support/sim-clock.ts';
import { tempFolder, tempRepository } from '../support/temp-repository.ts';

const NOW = Date.UTC(2026, 5, 1);
const LATE = 6 * 60_000;

/** Snapshots take so long on their way that nobody can tell whether a prune missed them. */
async function lateSnapshots(count: number) {
  const clock = new SimClock(NOW);
  const backend = new MemoryBackend(clock);
  const made = await tempRepository({ clock, backend });
  const folder = await tempFolder();
  const state = new MemoryState();
  const put = backend.put.bind(backend);
  backend.put = async (path, bytes) => {
    if (path.startsWith('snapshots/')) clock.advance(LATE);
    return put(path, bytes);
  };
  for (let n = 0; n < count; n++) {
    writeFileSync(join(folder, 'file'), `version ${n}`);
    await backupOf(await made.openIndexed(), folder);
  }
  backend.put = put;
  const openIndexed = () => made.openIndexed();
  const confirm = async () => confirmSnapshots(await made.open(), state, { workers: 0 }, ignoreEvents);
  const unconfirmed = async () => (await check(await openIndexed(), state, {})).unconfirmed;
  return { backend, folder, state, openIndexed, confirm, unconfirmed };
}

describe('neo check --confirm', () => {
  it('lets late snapshots count: rules take them, and the next one is compared with them', async () => {
    const { folder, state, openIndexed, confirm, unconfirmed } = await lateSnapshots(3);
    const all = await unconfirmed();
    expect(all).toBeGreaterThanOrEqual(3);
    const nothing = { hosts: [], tags: [], paths: [] };
    const options = {
      rules: { last: 1 },
      groupBy: [],
      filter: nothing,
      references: [],
      trash: 0,
      dryRun: true,
    } as const;
    const removed = async () =>
      (await forget(await openIndexed(), state, { ...options, evenMost: true }, ignoreEvents)).removed;
    expect(await removed()).toBe(0);
    const { confirmed, refused } = await confirm();
    expect([confirmed.length, refused]).toEqual([all, []]);
    expect(await unconfirmed()).toBe(0);
    expect(await removed()).toBe((all ?? 0) - 1);
    const { parent } = await backupOf(await openIndexed(), folder);
    expect(confirmed.map(({ name }) => name)).toContain(parent);
    expect(await confirm()).toEqual({ confirmed: [], refused: [] });
  });

  it('refuses one of which a pack is gone', async () => {
    const { backend, confirm, unconfirmed } = await lateSnapshots(1);
    const packs: string[] = [];
    for await (const { path } of backend.list('packs')) packs.push(path);
    await backend.remove(packs[0] ?? '');
    const { confirmed, refused } = await confirm();
    expect([confirmed.length, refused.length > 0]).toEqual([0, true]);
    expect(await unconfirmed()).toBe(refused.length);
  });
});
