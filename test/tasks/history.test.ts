/** A stored history that is continued gives what one that is made anew gives, whatever came and went. */
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ignoreEvents } from '../../src/core/events.ts';
import { MemoryState } from '../../src/repo/client-state.ts';
import { findEntries } from '../../src/tasks/find.ts';
import { forget } from '../../src/tasks/forget.ts';
import { History, historySource } from '../../src/tasks/history.ts';
import { lookAtSnapshots } from '../../src/tasks/snapshots.ts';
import { undo } from '../../src/tasks/undo.ts';
import { HistoryWorld, text } from './history-support.ts';

async function answers(world: HistoryWorld, state: MemoryState): Promise<unknown> {
  const repository = await world.made.open();
  const look = await lookAtSnapshots(repository, state, ignoreEvents);
  const history = await History.open(historySource(repository, look), ignoreEvents);
  const all = { patterns: [], ignoreCase: false, deleted: false };
  return [...findEntries(history, look.snapshots, all).hits].map((hit) => {
    const { path, first, last, snapshots, deleted } = hit;
    const { type, size, mtime, mode } = hit.node();
    const { entry } = hit;
    expect([entry.type, entry.size, entry.mtime]).toEqual([type, size, mtime]);
    return { path: text(path), node: [size, mtime, mode], first: first.name, last: last.name, snapshots, deleted };
  });
}

async function drop(world: HistoryWorld, name: string): Promise<void> {
  const filter = { hosts: [], tags: [], paths: [] };
  const wishes = {
    rules: {},
    groupBy: [],
    filter,
    references: [name],
    trash: 86_400_000,
    dryRun: false,
    evenMost: true,
  };
  await forget(await world.made.open(), new MemoryState(), wishes, ignoreEvents);
}

type Step =
  | { readonly do: 'write'; readonly name: string; readonly content: string | null }
  | { readonly do: 'snapshot'; readonly host: string }
  | { readonly do: 'forget'; readonly which: number }
  | { readonly do: 'undo' };

async function take(world: HistoryWorld, step: Step): Promise<void> {
  if (step.do === 'write') {
    const path = join(world.folder, step.name);
    rmSync(path, { force: true });
    if (step.content !== null) writeFileSync(path, step.content);
  } else if (step.do === 'snapshot') await world.snapshot(step.host);
  else if (step.do === 'undo')
    await undo(await world.made.open(), new MemoryState(), { dryRun: false }, ignoreEvents).catch(() => undefined);
  else {
    const { snapshots } = await lookAtSnapshots(await world.made.open(), new MemoryState(), ignoreEvents);
    const snapshot = snapshots[step.which % Math.max(1, snapshots.length)];
    if (snapshot !== undefined) await drop(world, snapshot.name);
  }
}

const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({
    do: fc.constant('write' as const),
    name: fc.constantFrom('a', 'b', 'c/a', 'c/d/a'),
    content: fc.option(fc.constantFrom('1', '22')),
  }),
  fc.record({ do: fc.constant('snapshot' as const), host: fc.constantFrom('x', 'y') }),
  fc.record({ do: fc.constant('snapshot' as const), host: fc.constant('x') }),
  fc.record({ do: fc.constant('forget' as const), which: fc.nat(20) }),
  fc.record({ do: fc.constant('undo' as const) }),
);

describe('a stored history', () => {
  it('gives what one that is made anew gives', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 4, maxLength: 16 }), async (steps) => {
        const world = await HistoryWorld.make();
        mkdirSync(join(world.folder, 'c/d'), { recursive: true });
        const state = new MemoryState();
        for (const each of steps) {
          await take(world, each);
          if (each.do !== 'write') expect(await answers(world, state)).toEqual(await answers(world, new MemoryState()));
        }
      }),
      { numRuns: 25 },
    );
  });

  it('is made again when it is damaged', async () => {
    const world = await HistoryWorld.make();
    writeFileSync(join(world.folder, 'a'), '1');
    await world.snapshot();
    const state = new MemoryState();
    const right = await answers(world, state);
    const file = `history.${(await world.made.open()).id}`;
    const bytes = (await state.read(file)) ?? new Uint8Array();
    expect(Buffer.from(bytes).toString('latin1')).not.toContain('/home');
    for (const damaged of [bytes.slice(0, 50), bytes.slice(0, -1), new Uint8Array(0), bytes.map((byte) => byte ^ 1)]) {
      await state.write(file, damaged);
      expect(await answers(world, state)).toEqual(right);
    }
  });
});
