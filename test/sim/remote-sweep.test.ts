/** A client that dies at an operation over a real server. Here a sample; all: `npm run torture -- --only sweep --storage s3`. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { crashScript, crashVerdict } from '../support/crash-script.ts';
import { remoteSweep } from '../support/dying-client.ts';
import { radosgwIsThere } from '../support/radosgw.ts';
import { makeSources, type SourceState } from '../support/sim-sources.ts';
import { sshdIsThere } from '../support/sshd.ts';
import { testEngine } from '../support/temp-repository.ts';
import { startStorage, type TortureStorage } from '../torture/storage.ts';

const base = mkdtempSync(join(tmpdir(), 'neo-remote-sweep-'));
let sources: readonly SourceState[] = [];
beforeAll(() => {
  sources = makeSources(base);
});
afterAll(() => rmSync(base, { recursive: true }));

describe.each([
  ['sftp', sshdIsThere],
  ['s3', radosgwIsThere],
  ['neo', (): boolean => true],
] as const)('over %s', (kind, isThere) => {
  let storage: TortureStorage | undefined;
  afterAll(() => storage?.stop());

  it.skipIf(!isThere())('a client that dies leaves a clean repository', async () => {
    const started = await startStorage(kind, base);
    storage = started;
    let location = '';
    const { operations } = await remoteSweep({
      script: crashScript(testEngine, sources),
      verify: crashVerdict(testEngine, sources),
      seed: 1,
      points: Number(process.env['NEO_SWEEP_POINTS'] ?? 2),
      open(fresh) {
        if (fresh) location = started.fresh();
        return started.open(location);
      },
    });
    expect(operations).toBeGreaterThan(20);
  });
});
