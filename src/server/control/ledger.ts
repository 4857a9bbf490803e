/** What was written down, for those whom it concerns. */
import { toHex } from '../../core/bytes.ts';
import type { Controls } from './context.ts';

export const ledger: Controls<'ledger-head' | 'ledger'> = {
  async 'ledger-head'({ ledger: book }, { from }) {
    return { key: toHex(book.key), ...(await book.head(from)) };
  },

  async ledger({ ledger: book, principal: { account } }, { after = 0, size }) {
    return book.entries(after, size, account.isAdministrator ? undefined : account.id);
  },
};
