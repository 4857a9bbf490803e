import { rm } from 'node:fs/promises';
import { expect, it } from 'vitest';
import { temporary } from '../house/run.ts';
import { replicasCampaign } from '../torture/replicas.ts';

// Many more: `npm run torture -- --only replicas`.
it('three servers that are killed again and again end with the same, all of it acknowledged', async () => {
  const folder = await temporary('replicas-kill');
  try {
    const { kills, puts, snapshots } = await replicasCampaign(folder, 7, { cases: 2, milliseconds: 6_000 }).run(1);
    expect(Math.min(kills ?? 0, puts ?? 0, snapshots ?? 0)).toBeGreaterThan(2);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}, 240_000);
