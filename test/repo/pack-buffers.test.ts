import { describe, expect, it } from 'vitest';
import { givePackBuffer, PackBuffers } from '../../src/repo/pack/pack-buffers.ts';

describe('pack buffers', () => {
  it('are used again once they are given back, and not before', () => {
    const buffers = new PackBuffers(1001);
    const [first, second] = [buffers.take(), buffers.take()];
    expect(first.buffer).not.toBe(second.buffer);
    // What is given back may be a part, as seen by another thread.
    givePackBuffer(new Uint8Array(second.buffer, 0, 10));
    expect(buffers.take().buffer).toBe(second.buffer);
    expect(buffers.take().buffer).not.toBe(first.buffer);
    givePackBuffer(first);
    givePackBuffer(first);
    expect(buffers.take().buffer).toBe(first.buffer);
    expect(buffers.take().buffer).not.toBe(first.buffer);
  });

  it('have their whole length, and no byte of it says whether they are in use', () => {
    const buffers = new PackBuffers(1001);
    const buffer = buffers.take();
    expect(buffer).toHaveLength(1001);
    givePackBuffer(buffer.fill(0));
    const again = buffers.take().fill(0xff);
    expect(buffers.take().buffer).not.toBe(again.buffer);
  });

  it('leave other memory alone', () => {
    const own = new Uint8Array(64).fill(7);
    givePackBuffer(own);
    expect(own.every((byte) => byte === 7)).toBe(true);
  });
});
