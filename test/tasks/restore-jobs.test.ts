import { expect, test } from 'vitest';
import { decodeWrite, encodeWrite } from '../../src/tasks/restore/job-codec.ts';
import type { WorkFile, WriteJob } from '../../src/tasks/restore/jobs.ts';

const bytes = (...values: number[]): Uint8Array => Uint8Array.from(values);

test('a job is the same at the other end', () => {
  const whole = { type: 'whole', directory: 7, name: bytes(110), size: 2 ** 52 + 1, overwrite: true } as const;
  const plain = { mode: 0o4755, uid: 4_294_967_294, gid: 0, mtime: 1_700_000_000_123_456_789n };
  const files: WorkFile[] = [
    { type: 'open', fd: 12, path: bytes(47, 0xff) },
    { ...whole, metadata: plain },
    { ...whole, overwrite: false, metadata: { ...plain, mtime: -1n, atime: -1_000_000_001n, attributes: [] } },
    { ...whole, metadata: { ...plain, mtime: -99_999_999_999_999_999_999n, atime: 0n } },
    { ...whole, metadata: { ...plain, attributes: [{ name: bytes(1, 2), value: bytes() }] } },
  ];
  const uses = files.map((_, file) => ({ file, segments: [0, 3, 2 ** 50, 3, 1, 0] }));
  const blobs = [
    { at: 0, length: 40, key: bytes(...Array(32).keys()), plainLength: 4, uses },
    { at: 40, length: 50, key: bytes(...Array(32).fill(255)), plainLength: 1 << 24, uses: [] },
  ];
  const job: WriteJob = { type: 'write', bytes: bytes(1, 2, 3), blobs, files };
  expect(decodeWrite(structuredClone(encodeWrite(job)))).toEqual(job);
});
