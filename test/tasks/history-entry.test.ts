import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ByteReader, ByteWriter } from '../../src/core/bytes.ts';
import { parseJson } from '../../src/core/json.ts';
import { contentIdentity } from '../../src/snapshot/identity.ts';
import type { Node } from '../../src/snapshot/node.ts';
import { nodeFromJson } from '../../src/snapshot/node-json.ts';
import { entryOf, StoredEntry, writeEntry } from '../../src/tasks/history/entry.ts';
import { anyNode as nodes } from '../snapshot/arbitrary-node.ts';
import { testEngine } from '../support/temp-repository.ts';

function stored(node: Node): StoredEntry {
  const writer = new ByteWriter();
  writeEntry(writer, entryOf(testEngine, node));
  const reader = new ByteReader(writer.finish());
  const entry = new StoredEntry(reader.bytes(reader.u32()));
  reader.end();
  return entry;
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

  it('is not one when it is cut short', () => {
    expect(() => new StoredEntry(new Uint8Array(32))).toThrow('cut short');
  });
});
