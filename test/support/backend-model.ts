/** Random operations against a Map: whatever the backend answers, the Map answers too. */
import fc from 'fast-check';
import { expect } from 'vitest';
import type { Backend } from '../../src/backends/backend.ts';

const path = fc.constantFrom('a', 'b', 'packs/00/x', 'packs/00/y', 'packs/01/x', 'sessions/s1/0', 'sessions/s1/1');
const folder = fc.constantFrom('', 'packs', 'packs/00', 'sessions', 'sessions/s1', 'nothing');

type Known = Map<string, Uint8Array>;
type Step = (backend: Backend, known: Known) => Promise<void>;

async function pathsIn(backend: Backend, below: string): Promise<string[]> {
  const found: string[] = [];
  for await (const info of backend.list(below)) found.push(info.path);
  return found.sort();
}

const put = fc.tuple(path, fc.uint8Array({ maxLength: 3 })).map(
  ([at, bytes]): Step =>
    async (backend, known) => {
      const before = known.get(at);
      if (before !== undefined && Buffer.compare(before, bytes) !== 0) {
        await expect(backend.put(at, bytes)).rejects.toMatchObject({ code: 'integrity' });
        return;
      }
      await backend.put(at, bytes);
      known.set(at, bytes);
    },
);

const get = path.map(
  (at): Step =>
    async (backend, known) => {
      expect(await backend.get(at)).toEqual(known.get(at));
      expect((await backend.stat(at))?.size).toBe(known.get(at)?.length);
    },
);

const range = fc.tuple(path, fc.nat(4), fc.nat(4)).map(
  ([at, offset, length]): Step =>
    async (backend, known) => {
      const bytes = known.get(at);
      const got = backend.getRange(at, { offset, length });
      if (bytes !== undefined && offset + length > bytes.length) {
        await expect(got).rejects.toMatchObject({ code: 'integrity' });
      } else {
        expect(await got).toEqual(bytes?.slice(offset, offset + length));
      }
    },
);

const remove = path.map(
  (at): Step =>
    async (backend, known) => {
      await backend.remove(at);
      known.delete(at);
    },
);

const list = folder.map(
  (below): Step =>
    async (backend, known) => {
      const wanted = [...known.keys()].filter((at) => below === '' || at.startsWith(`${below}/`));
      expect(await pathsIn(backend, below)).toEqual(wanted.sort());
    },
);

/** @param backend an empty storage; what it holds afterwards means nothing */
export async function agreesWithMap(backend: Backend, numRuns: number): Promise<void> {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.oneof(put, put, get, range, remove, list), { minLength: 5, maxLength: 40 }),
      async (steps) => {
        for (const left of await pathsIn(backend, '')) await backend.remove(left);
        const known: Known = new Map();
        for (const step of steps) await step(backend, known);
        expect(await pathsIn(backend, '')).toEqual([...known.keys()].sort());
      },
    ),
    { numRuns },
  );
}
