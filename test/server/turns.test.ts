/** How often objects came and went, whatever a crash has kept of it. */
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { MemoryBackend } from '../../src/backends/memory.ts';
import type { Held } from '../../src/protocol/object-tree.ts';
import type { Database } from '../../src/server/database/open.ts';
import { Turns } from '../../src/server/replication/turns.ts';
import { DatabaseFolder } from '../support/server-database.ts';
import { insertAccount, insertTarget } from '../support/server-rows.ts';
import { SimClock } from '../support/sim-clock.ts';

let folder: DatabaseFolder;
let database: Database;
let target: string;
beforeEach(async () => {
  folder = await DatabaseFolder.make();
  database = await folder.open();
  target = await insertTarget(database.db, await insertAccount(database.db, 'ann'), 'docs');
});
afterEach(() => folder.remove());

const PATH = 'index/1';

/** A server with one object, that may end in the midst of what it does. */
class Model {
  readonly turns = new Turns(database.db);
  readonly storage = new MemoryBackend(new SimClock(1000));

  constructor() {
    this.turns.keep();
  }

  async come(ends: boolean, told?: number): Promise<void> {
    await this.turns.coming(target, PATH, told);
    if (!ends) await this.storage.put(PATH, new Uint8Array([1]));
  }

  async go(ends: boolean, told?: number): Promise<void> {
    await database.db.transaction().execute((trx) => this.turns.writeGone(trx, target, PATH, told));
    if (!ends) await this.storage.remove(PATH);
  }

  async number(): Promise<number> {
    const held = await this.turns.heldAt(target, PATH, this.storage);
    const all: Held[] = [];
    for await (const each of this.turns.all(target, this.storage)) all.push(each);
    expect(all).toEqual(held === undefined ? [] : [held]);
    return held?.turns ?? 0;
  }
}

describe('turns', () => {
  it('say what is there, never go back, and stay as they were when the server ends in between', async () => {
    const steps = fc.array(fc.record({ ends: fc.boolean() }), { maxLength: 12 });
    await fc.assert(
      fc.asyncProperty(steps, async (all) => {
        await database.db.deleteFrom('turns').execute();
        const model = new Model();
        for (const { ends } of all) {
          const before = await model.number();
          const isThere = before % 2 === 1;
          await (isThere ? model.go(ends) : model.come(ends));
          expect(await model.number()).toBe(ends ? before : before + 1);
        }
      }),
      { numRuns: 60 },
    );
  });

  it('are taken from another server, but not those of before a removal', async () => {
    const model = new Model();
    await model.come(false, 5);
    expect(await model.number()).toBe(5);
    await model.go(false, 6);
    expect(await model.number()).toBe(6);
    await expect(model.come(false, 5)).rejects.toMatchObject({ code: 'already-exists' });
    expect(await model.number()).toBe(6);
    await model.come(false);
    expect(await model.number()).toBe(7);
  });

  it('of what is lost, and was not removed, are those of one that was never there', async () => {
    const model = new Model();
    await model.come(false);
    await model.storage.remove(PATH);
    expect(await model.number()).toBe(0);
    await model.come(false);
    await model.go(false);
    await model.come(false);
    await model.storage.remove(PATH);
    expect(await model.number()).toBe(2);
  });
});
