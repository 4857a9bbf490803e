/** Records of one's account in the ledger of a server: put there, found again, and proved. */
import { open } from 'node:fs/promises';
import type { CheckedEntry } from '../backends/neo-ledger.ts';
import { concatBytes, fromBase64 } from '../core/bytes.ts';
import { messageOf, NeoError } from '../core/errors.ts';
import { MOST_RECORD_BYTES, recordSchema } from '../protocol/ledger.ts';
import { LedgerCommand, type LedgerFlags } from './ledger-command.ts';

export interface OwnRecord {
  readonly seq: number;
  readonly time: number;
  readonly kind: string;
  readonly by: string;
  readonly bytes: Uint8Array;
}

export abstract class RecordCommand extends LedgerCommand {
  /** Those of the own account, of one kind if that is named, the oldest first. @throws NeoError integrity */
  protected async records(flags: LedgerFlags, kind?: string): Promise<OwnRecord[]> {
    const found: OwnRecord[] = [];
    await this.eachEntry(
      flags,
      async (checked, { account }) => {
        const { record, owner } = recordOf(checked);
        if (owner === account && (kind === undefined || record.kind === kind)) found.push(record);
      },
      { kind: 'record' },
    );
    return found;
  }
}

function recordOf({ header, entry }: CheckedEntry): { readonly record: OwnRecord; readonly owner: string } {
  const { seq, time } = header;
  try {
    const { account, by, kind, data } = recordSchema.parse(JSON.parse(entry.content));
    return { owner: account, record: { seq, time, kind, by, bytes: fromBase64(data) } };
  } catch (cause) {
    throw new NeoError('integrity', `entry ${seq} of the ledger is no record`, { cause });
  }
}

/**
 * What is to be a record: of a file, or of standard input.
 * @throws NeoError usage when it is more than a record holds
 */
export async function recordBytes(file: string | undefined): Promise<Uint8Array> {
  const pieces: Uint8Array[] = [];
  let length = 0;
  try {
    for await (const piece of file === undefined ? process.stdin : (await open(file)).createReadStream()) {
      const bytes = Uint8Array.from(piece as Buffer);
      pieces.push(bytes);
      length += bytes.length;
      if (length > MOST_RECORD_BYTES) break;
    }
  } catch (cause) {
    throw new NeoError('failed', `cannot read ${file ?? 'standard input'}: ${messageOf(cause)}`, { cause });
  }
  if (length <= MOST_RECORD_BYTES) return concatBytes(...pieces);
  throw new NeoError('usage', `a record has at most ${MOST_RECORD_BYTES} bytes`, {
    hint: 'put what is large into a snapshot, and its hash into a record',
  });
}
