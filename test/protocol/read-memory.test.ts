/** Memory of a connection is given back when all in it was copied, and never while anything else may lie in it. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ReadMemory } from '../../src/protocol/read-memory.ts';

const HEADER = 9;
const RECORD = 64;

interface Piece {
  readonly view: Uint8Array;
  readonly stream: number;
}

/** Frames of bodies one after the other, cut into records as TLS does: what Node makes of them, in the order in which it does. */
function piecesOf(frames: ReadonlyArray<readonly [stream: number, length: number]>): Piece[] {
  const owner = frames.flatMap(([stream, length]) => [
    ...Array(HEADER).fill(-1),
    ...Array<number>(length).fill(stream),
  ]);
  const pieces: Piece[] = [];
  for (let at = 0; at < owner.length; at += RECORD) {
    const record = owner.slice(at, at + RECORD);
    const buffer = new ArrayBuffer(record.length);
    for (let from = 0; from < record.length; ) {
      let to = from;
      while (to < record.length && record[to] === record[from]) to += 1;
      const stream = record[from] ?? -1;
      if (stream >= 0) pieces.push({ view: new Uint8Array(buffer, from, to - from).fill(stream + 1), stream });
      from = to;
    }
  }
  return pieces;
}

describe('memory of a connection', () => {
  const frames = fc.array(
    fc.tuple(fc.nat(2), fc.oneof(fc.integer({ min: 1, max: 12 }), fc.integer({ min: 1, max: 200 }))),
    {
      maxLength: 40,
    },
  );

  it('keeps what was not copied, whichever bodies wait', () => {
    fc.assert(
      fc.property(frames, fc.subarray([0, 1, 2]), (sent, waiting) => {
        const memory = new ReadMemory();
        const pieces = piecesOf(sent);
        for (const { view, stream } of pieces) if (!waiting.includes(stream)) memory.copied(view);
        for (const { view, stream } of pieces.filter((piece) => waiting.includes(piece.stream))) {
          expect([...new Set(view)]).toEqual([stream + 1]);
        }
      }),
    );
  });

  it('keeps what was read last, as the rest of it may not be read yet', () => {
    fc.assert(
      fc.property(frames, (sent) => {
        const memory = new ReadMemory();
        for (const { view } of piecesOf(sent)) {
          memory.copied(view);
          expect(view.length).toBeGreaterThan(0);
        }
      }),
    );
  });

  it('goes record by record where one body is read', () => {
    const memory = new ReadMemory();
    const views = piecesOf(Array.from({ length: 50 }, () => [0, 100] as const)).map(({ view }) => view);
    const buffers = [...new Set(views.map(({ buffer }) => buffer))];
    for (const view of views) memory.copied(view);
    const left = buffers.filter(({ byteLength }) => byteLength > 0);
    // The last one, and those in which two headers lie.
    expect(left.length).toBeLessThanOrEqual(1 + buffers.length / 10);
  });

  it('is forgotten without being given back', () => {
    const memory = new ReadMemory();
    const [first, second] = [new Uint8Array(20_000), new Uint8Array(20_000)];
    memory.copied(first);
    memory.forget();
    memory.copied(second);
    expect([first.length, second.length]).toEqual([20_000, 20_000]);
  });

  it('lets memory of threads alone', () => {
    const memory = new ReadMemory();
    const shared = new Uint8Array(new SharedArrayBuffer(100));
    memory.copied(shared);
    memory.copied(new Uint8Array(10));
    expect(shared.length).toBe(100);
  });
});
