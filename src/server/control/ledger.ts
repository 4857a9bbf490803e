/** What was written down, for those whom it concerns; and what they have written down themselves. */
import { toHex } from '../../core/bytes.ts';
import { NeoError } from '../../core/errors.ts';
import type { LedgerRecord } from '../../protocol/ledger.ts';
import { noPlace } from '../places.ts';
import type { Controls } from './context.ts';

/** Of all records of an account: they stay for ever, and no quota counts them. */
const MOST_BYTES = 16 << 20;

export const ledger: Controls<'ledger-head' | 'ledger' | 'ledger-find' | 'record-put'> = {
  async 'ledger-head'({ ledger: book, replication: { witnesses } }, { from }) {
    const seen = witnesses.length === 0 ? {} : { witnesses };
    return { key: toHex(book.key), ...(await book.head(from)), ...seen };
  },

  async ledger({ ledger: book, principal: { account } }, { after = 0, size, kind }) {
    return book.entries(after, size, account.isAdministrator ? undefined : account.id, kind);
  },

  async 'ledger-find'({ ledger: book, directory, principal }, { target, path, size }) {
    const place = await directory.placeOf(principal, target);
    if (place === undefined) throw noPlace(principal, target);
    if (place.role === 'share') throw new NeoError('permission-denied', 'the share does not reach that');
    if (place.role === 'replica') throw new NeoError('permission-denied', 'ledger-find is not for replicas');
    return book.find(`${place.id}/${path}`, size);
  },

  async 'record-put'({ ledger: book, principal: { account, device } }, { kind, data }) {
    const used = await book.recordBytes(account.id);
    if (used + data.length > MOST_BYTES) {
      throw new NeoError('quota-exceeded', `the records of ${account.name} take ${used} of ${MOST_BYTES} bytes`, {
        hint: 'records stay for ever: put what is large into a snapshot, and its hash into a record',
      });
    }
    const content: LedgerRecord = { account: account.name, by: `${account.name}@${device?.name ?? ''}`, kind, data };
    return { seq: await book.record({ kind: 'record', content, readers: [account.id] }) };
  },
};
