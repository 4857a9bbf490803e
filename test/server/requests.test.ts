import { expect, it } from 'vitest';
import { requestsCampaign } from '../torture/requests.ts';

// The million: `npm run torture -- --only requests`.
it('answers, refuses or hangs up, whatever is sent, and serves others', async () => {
  const campaign = await requestsCampaign(7, { cases: 1, requests: 1600, texts: 300, frames: 300 });
  try {
    // All objects are compared with their names; an administrator's request may have removed every one by then.
    const { answers, refusals } = await campaign.run(0);
    expect(Math.min(answers ?? 0, refusals ?? 0)).toBeGreaterThan(100);
  } finally {
    await campaign.stop();
  }
}, 60_000);
