/** Proofs of what a replica has: nobody gives one who does not have all bytes. */
import { beforeEach, describe, expect, it } from 'vitest';
import { systemRandom } from '../../src/core/random.ts';
import { loadEngine } from '../../src/engine/load.ts';
import type { Held } from '../../src/protocol/object-tree.ts';
import { type AskProofs, challenge, prove } from '../../src/server/replication/proofs.ts';
import { objects } from '../support/linked-servers.ts';

const engine = await loadEngine();

/** What one end has. */
class Shelf {
  readonly objects = objects(3);
  readonly damaged: string[] = [];

  async openObject(path: string) {
    const bytes = this.objects.get(path);
    if (bytes === undefined) return undefined;
    const readInto = async (offset: number, target: Uint8Array): Promise<void> => {
      target.set(bytes.subarray(offset, offset + target.length));
    };
    return { size: bytes.length, readInto, close: async () => undefined };
  }

  get asked(): AskProofs {
    return (nonce, paths) =>
      Promise.all(
        paths.map((path) =>
          prove(engine, this, path, Buffer.from(nonce, 'hex'), async () => {
            this.damaged.push(path);
          }),
        ),
      );
  }
}

let own: Shelf;
let there: Shelf;
let held: Held[];
beforeEach(() => {
  own = new Shelf();
  there = new Shelf();
  held = [...own.objects].map(([path, { length }]) => ({ path, size: length, turns: 1 }));
});

const challenged = (ask: AskProofs) => challenge({ engine, random: systemRandom }, own, held, ask);

describe('a proof', () => {
  it('is given of what is there', async () => {
    expect(await challenged(there.asked)).toEqual({ lacking: [], unproved: [] });
  });

  it('is not given of what is gone, or damaged, which whoever has it learns', async () => {
    const [gone = '', bad = ''] = there.objects.keys();
    there.objects.delete(gone);
    there.objects.set(bad, Buffer.from('other bytes'));
    const { lacking, unproved } = await challenged(there.asked);
    expect(lacking.map(({ path }) => path).sort()).toEqual([gone, bad].sort());
    expect(unproved).toEqual([]);
    expect(there.damaged).toEqual([bad]);
  });

  it('that was given before, or is made of the name, is found out', async () => {
    const before = await there.asked('00'.repeat(32), [...there.objects.keys()]);
    const paths = held.map(({ path }) => path).sort();
    for (const lying of [async () => before, async () => paths.map((path) => path.slice(6))]) {
      const { lacking, unproved } = await challenged(lying);
      expect(lacking).toEqual([]);
      expect([...unproved].sort()).toEqual(paths);
    }
  });

  it('is not asked of what is damaged here', async () => {
    const [bad = ''] = own.objects.keys();
    own.objects.set(bad, Buffer.from('other bytes'));
    expect(await challenged(async (_, all) => all.map(() => null))).toMatchObject({ unproved: [] });
    expect((await challenged(async (_, all) => all.map(() => null))).lacking).toHaveLength(2);
  });

  it('of another number of objects than were asked for is no answer', async () => {
    await expect(challenged(async () => [])).rejects.toMatchObject({ code: 'failed' });
  });
});
