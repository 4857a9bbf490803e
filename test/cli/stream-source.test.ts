/** Commands whose output is saved. */
import { afterEach, expect, it, vi } from 'vitest';
import { commandOutput } from '../../src/cli/stream-source.ts';

afterEach(() => {
  vi.unstubAllEnvs();
});

it('does not hand the password to the command', async () => {
  vi.stubEnv('NEO_PASSWORD', 'hunter2');
  vi.stubEnv('NEO_OTHER', 'kept');
  const { bytes, finished } = commandOutput(['env'], new AbortController().signal);
  const pieces: Uint8Array[] = [];
  for await (const piece of bytes) pieces.push(piece);
  await finished();
  const text = Buffer.concat(pieces).toString();
  expect(text).toContain('NEO_OTHER=kept');
  expect(text).not.toContain('hunter2');
});
