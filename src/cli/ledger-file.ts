/** A ledger in a file, for whoever is to verify it without the server: lines of JSON, the head first. */

import { type CheckedEntry, EntryCheck, type LedgerView } from '../backends/neo-ledger.ts';
import { NeoError } from '../core/errors.ts';
import { hexName, z } from '../core/schema.ts';
import type { Engine } from '../engine/engine.ts';
import { entrySchema, headSchema } from '../protocol/ledger.ts';
import { checkHead, type KnownLedger } from '../protocol/ledger-check.ts';

const firstSchema = z.strictObject({
  v: z.literal(1),
  neo: z.literal('ledger'),
  key: hexName,
  head: headSchema,
  isWhole: z.boolean(),
});
const restSchema = z.strictObject({ entry: entrySchema, inclusion: z.array(hexName) });

export function firstLine({ now, head, isWhole }: LedgerView): string {
  return `${JSON.stringify({ v: 1, neo: 'ledger', key: now.key, head, isWhole })}\n`;
}

export function entryLine({ entry, inclusion }: CheckedEntry): string {
  return `${JSON.stringify({ entry, inclusion })}\n`;
}

/** A file that was begun. */
export interface LedgerFile {
  readonly view: LedgerView;
  /** @throws NeoError integrity */
  readonly entries: AsyncGenerator<CheckedEntry>;
}

/**
 * @param knownOf what is known of the ledger of a server
 * @throws NeoError integrity
 */
export async function readLedgerFile(
  engine: Engine,
  lines: AsyncIterator<string>,
  knownOf: (site: string) => Promise<KnownLedger | undefined>,
): Promise<LedgerFile> {
  const first = await lines.next();
  const parsed = firstSchema.safeParse(first.done === true ? undefined : jsonOf(first.value));
  if (!parsed.success) throw new NeoError('integrity', 'that is no ledger as `neo ledger export` writes it');
  const { key, head, isWhole } = parsed.data;
  const known = await knownOf(head.site);
  // How the two stand by each other is seen only where all entries are there.
  const now = checkHead(engine, known?.size === head.size ? known : undefined, { key, head, consistency: [] });
  if (known !== undefined && known.key !== key)
    throw new NeoError('integrity', 'the ledger has another key than it had before');
  const before = known !== undefined && known.size <= head.size ? known : undefined;
  const view = { now, head, before, isWhole };
  return { view, entries: entriesOf(engine, lines, view) };
}

async function* entriesOf(
  engine: Engine,
  lines: AsyncIterator<string>,
  view: LedgerView,
): AsyncGenerator<CheckedEntry> {
  const check = new EntryCheck(engine, view);
  for (let number = 2; ; number++) {
    const line = await lines.next();
    if (line.done === true) break;
    const parsed = restSchema.safeParse(jsonOf(line.value));
    if (!parsed.success) throw new NeoError('integrity', `line ${number} of the ledger is damaged`);
    yield check.next(parsed.data.entry, parsed.data.inclusion);
  }
  check.end();
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
