import { rm } from 'node:fs/promises';
import { expect, it } from 'vitest';
import { temporary } from '../house/run.ts';
import { serveKillCampaign } from '../torture/serve-kill.ts';

// Hundreds of kills: `npm run torture -- --only serve`.
it('keeps what it acknowledged, and counts exactly, when it is killed again and again', async () => {
  const folder = await temporary('serve-kill');
  const campaign = serveKillCampaign(folder, 7, { cases: 1, milliseconds: 8_000 });
  try {
    const { kills, snapshots, differences, ...counts } = await campaign.run(0);
    expect(differences).toBe(0);
    expect(Math.min(kills ?? 0, snapshots ?? 0, counts['restores compared'] ?? 0)).toBeGreaterThan(2);
  } finally {
    await campaign.stop();
    await rm(folder, { recursive: true, force: true });
  }
}, 90_000);
