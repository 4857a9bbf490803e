import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ByteWriter } from '../../src/core/bytes.ts';
import { parseJson } from '../../src/core/json.ts';
import { systemRandom } from '../../src/core/random.ts';
import { contentIdentity } from '../../src/snapshot/identity.ts';
import type { Node } from '../../src/snapshot/node.ts';
import { nodeFromJson } from '../../src/snapshot/node-json.ts';
import { ENTRY_LENGTH, EntryTable, entryOf, type HistoryEntry, writeEntry } from '../../src/tasks/history/entry.ts';
import { FrameWriter, JsonFrames, type JsonPlace } from '../../src/tasks/history/json-frames.ts';
import { anyNode as nodes } from '../snapshot/arbitrary-node.ts';
import { testEngine } from '../support/temp-repository.ts';

const sealing = { engine: testEngine, random: systemRandom, key: new Uint8Array(32).fill(7), id: 'some' };

function stored(node: Node): HistoryEntry {
  const [writer, more] = [new ByteWriter(), new FrameWriter(sealing, [])];
  const entry = entryOf(testEngine, node);
  writeEntry(writer, entry, more.write(entry.json));
  const bytes = writer.finish();
  expect(bytes.length).toBe(ENTRY_LENGTH);
  const read = new EntryTable(bytes, new JsonFrames(sealing, more.finish())).at(0);
  return read;
}

describe('an entry of a history', () => {
  it('tells what its node tells', () => {
    fc.assert(
      fc.property(nodes, (node) => {
        const entry = stored(node);
        expect([entry.type, entry.size, entry.mtime]).toEqual([node.type, node.size, node.mtime]);
        expect(nodeFromJson(parseJson(entry.json))).toEqual(nodeFromJson(parseJson(entryOf(testEngine, node).json)));
        expect(entry.identity).toBe(entryOf(testEngine, node).identity);
      }),
    );
  });

  it('is of the same content exactly if the nodes are', () => {
    fc.assert(
      fc.property(nodes, nodes, (a, b) => {
        expect(stored(a).identity === stored(b).identity).toBe(contentIdentity(a) === contentIdentity(b));
        expect(stored(a).identity).toBe(stored({ ...a, mode: b.mode, mtime: b.mtime, name: b.name }).identity);
      }),
    );
  });
});

describe('frames', () => {
  const json = (n: number): Uint8Array => new Uint8Array(1 + (n % 700)).fill(n);

  /** Writes what is not kept again, and 300 more. */
  function goneOn(frames: JsonFrames, places: JsonPlace[]): JsonFrames {
    const kept = frames.kept(places.reduce((sum, { length }) => sum + length, 0));
    const more = new FrameWriter(sealing, kept);
    for (const [n, { frame }] of places.entries()) if (frame >= kept.length) places[n] = more.write(json(n));
    for (let n = 0; n < 300; n++) places.push(more.write(json(places.length)));
    return new JsonFrames(sealing, more.finish());
  }

  it('give what was written, through any number of writings, and keep what is full', () => {
    let frames = new JsonFrames(sealing, []);
    const places: JsonPlace[] = [];
    for (let round = 0; round < 24; round++) {
      const before = frames.frames;
      frames = goneOn(frames, places);
      // Of those that were there at most the last one was made anew.
      expect(frames.frames.slice(0, before.length - 1)).toEqual(before.slice(0, -1));
      const wrong = places.filter((place, n) => !Buffer.from(frames.read(place)).equals(json(n)));
      expect(wrong).toEqual([]);
    }
    expect(frames.frames.length).toBeGreaterThan(2);
    expect(frames.frames.length).toBeLessThan(12);
  });

  it('are all made anew when the greater part is gone', () => {
    const more = new FrameWriter(sealing, []);
    for (let n = 0; n < 3000; n++) more.write(json(n));
    const frames = new JsonFrames(sealing, more.finish());
    expect(frames.kept(600_000).length).toBeGreaterThan(0);
    expect(frames.kept(100_000)).toEqual([]);
  });

  it('are refused when one is damaged, of another history, or not there', () => {
    const more = new FrameWriter(sealing, []);
    const place = more.write(json(5));
    const [frame] = more.finish();
    if (frame === undefined) throw new Error('no frame');
    expect(() => new JsonFrames(sealing, [{ ...frame, sealed: frame.sealed.map((byte) => byte ^ 1) }])).toThrow(
      'damaged',
    );
    expect(() => new JsonFrames({ ...sealing, id: 'other' }, [frame]).read(place)).toThrow();
    const frames = new JsonFrames(sealing, [frame]);
    expect(() => frames.read({ ...place, frame: 1 })).toThrow('cut short');
    expect(() => frames.read({ ...place, length: 7 })).toThrow('cut short');
  });
});
