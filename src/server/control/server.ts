/** Who asks, what was done, and the server as a whole. */
import { accountJson } from './accounts.ts';
import { type Controls, change } from './context.ts';

/** Of one answer; the next ones are asked for with `after`. */
const MOST_ENTRIES = 1000;

export const server: Controls<'whoami' | 'fsck' | 'audit' | 'shutdown'> = {
  async whoami({ db, principal }) {
    const { account, device, token, role } = principal;
    const row = await db
      .selectFrom('accounts')
      .leftJoin('accounts as parents', 'parents.id', 'accounts.parent')
      .where('accounts.id', '=', account.id)
      .selectAll('accounts')
      .select('parents.name as parentName')
      .executeTakeFirstOrThrow();
    return { account: accountJson(row, row.parentName), device: device?.id ?? null, token: token?.id ?? null, role };
  },

  async fsck(context) {
    const found = await context.targets.recountAll();
    await change(context, 'fsck', { targets: found.length }, async () => undefined);
    return { targets: found };
  },

  async audit({ db }, { after = 0 }) {
    const rows = await db
      .selectFrom('audit')
      .where('seq', '>', after)
      .selectAll()
      .orderBy('seq')
      .limit(MOST_ENTRIES)
      .execute();
    return { entries: rows.map((row) => ({ ...row, detail: JSON.parse(row.detail) as Record<string, unknown> })) };
  },

  async shutdown(context) {
    await change(context, 'shutdown', {}, async () => undefined);
    context.shutdown();
    return {};
  },
};
