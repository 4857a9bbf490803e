import { Worker } from 'node:worker_threads';
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { type ContentKey, contentKey } from '../../src/core/ids.ts';
import { helpSealing, SealQueue, sealQueueMemory } from '../../src/tasks/backup/seal-queue.ts';

/** Tells a chunk by its length and its ends. */
function seal(bytes: Uint8Array): ContentKey {
  const key = new Uint8Array(32);
  new DataView(key.buffer).setUint32(0, bytes.length);
  key.set(bytes.subarray(0, 14), 4);
  key.set(bytes.subarray(-14), 18);
  return contentKey(key);
}

function chunkOf(length: number, seed: number): Uint8Array {
  return Uint8Array.from({ length }, (_, i) => (i * 31 + seed * 7919) >> 3);
}

/** Puts all in; where there is no room the oldest has to make some. */
function keysOf(queue: SealQueue, chunks: readonly Uint8Array[]): ContentKey[] {
  const keys: ContentKey[] = [];
  for (const chunk of chunks) while (!queue.offer(chunk)) keys.push(queue.waitForOldest(seal, never));
  while (keys.length < chunks.length) keys.push(queue.waitForOldest(seal, never));
  return keys;
}

const never = (): boolean => false;

/** A thread that helps with each memory that it is sent, with the same seal as above. */
const helper = new Worker(
  `const { parentPort } = require('node:worker_threads');
   parentPort.on('message', async ({ module, memory }) => {
     const { helpSealing } = await import(module);
     helpSealing(memory, (bytes) => {
       const key = new Uint8Array(32);
       new DataView(key.buffer).setUint32(0, bytes.length);
       key.set(bytes.subarray(0, 14), 4);
       key.set(bytes.subarray(-14), 18);
       return key;
     }, () => false);
     parentPort.postMessage('done');
   });`,
  { eval: true },
);
const module = new URL('../../src/tasks/backup/seal-queue.ts', import.meta.url).href;
afterAll(() => helper.terminate());

describe('the seal queue', () => {
  it('gives the key of each chunk, in order, when nobody helps', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 2_500_000 }), { minLength: 1, maxLength: 30 }), (lengths) => {
        const chunks = lengths.map(chunkOf);
        expect(keysOf(new SealQueue(sealQueueMemory()), chunks)).toEqual(chunks.map(seal));
      }),
      { numRuns: 15 },
    );
  });

  it('gives the same keys when another thread helps', async () => {
    let memory: SharedArrayBuffer | undefined;
    for (let round = 0; round < 10; round++) {
      memory = sealQueueMemory(memory);
      const done = new Promise((resolve) => helper.once('message', resolve));
      helper.postMessage({ module, memory });
      const queue = new SealQueue(memory);
      const chunks = Array.from({ length: 60 }, (_, i) => chunkOf(1 + ((i * 7919 * (round + 1)) % 400_000), i));
      const keys = keysOf(queue, chunks);
      queue.close();
      await done;
      expect(keys).toEqual(chunks.map(seal));
    }
  });

  it('lets a helper go when all is sealed and the file is read', () => {
    const memory = sealQueueMemory();
    const queue = new SealQueue(memory);
    queue.offer(chunkOf(100, 1));
    queue.offer(chunkOf(200, 2));
    queue.close();
    helpSealing(memory, seal, never);
    expect([queue.oldest(), queue.oldest(), queue.oldest()]).toEqual([
      seal(chunkOf(100, 1)),
      seal(chunkOf(200, 2)),
      undefined,
    ]);
  });

  it('fails where sealing failed', () => {
    const memory = sealQueueMemory();
    const queue = new SealQueue(memory);
    queue.offer(chunkOf(100, 1));
    const broken = (): ContentKey => {
      throw new Error('disk on fire');
    };
    expect(() => helpSealing(memory, broken, never)).toThrow('disk on fire');
    expect(() => queue.waitForOldest(seal, never)).toThrow('could not be sealed');
  });

  it('stops waiting when the run is stopped', () => {
    const queue = new SealQueue(sealQueueMemory());
    queue.offer(chunkOf(100, 1));
    expect(() => queue.waitForOldest(seal, () => true)).toThrow('interrupted');
  });

  it('refuses a chunk that never fits', () => {
    expect(new SealQueue(sealQueueMemory()).offer(new Uint8Array((8 << 20) + 1))).toBe(false);
  });
});
