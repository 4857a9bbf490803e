/** A server's ledger, read and verified by who keeps nothing of it but what it was when he last looked. */

import { isNeoError, NeoError } from '../core/errors.ts';
import { z } from '../core/schema.ts';
import type { Engine } from '../engine/engine.ts';
import type { EntryHeader, EntryKind, LedgerEntry, LedgerHead } from '../protocol/ledger.ts';
import { checkHead, checkIncluded, type KnownLedger, WholeLedger } from '../protocol/ledger-check.ts';
import { isWitness, type Witness } from '../protocol/witness.ts';
import type { ControlClient } from './neo-control.ts';

/** As it is now. */
export interface LedgerView {
  readonly now: KnownLedger;
  readonly head: LedgerHead;
  /** What was known before, which it continues. */
  readonly before: KnownLedger | undefined;
  /** All entries can be read, not only those of one account. */
  readonly isWhole: boolean;
  /** Who looks; undefined: nobody was asked. */
  readonly account?: string;
}

export interface CheckedEntry {
  readonly header: EntryHeader;
  readonly entry: LedgerEntry;
  /** Hex; empty where the ledger is whole. */
  readonly inclusion: readonly string[];
}

/** @throws NeoError integrity when it is not the ledger that was known */
export async function viewLedger(
  client: ControlClient,
  engine: Engine,
  before: KnownLedger | undefined,
): Promise<LedgerView> {
  const answer = await client.call('ledger-head', { from: before?.size ?? 0 });
  const now = checkHead(engine, before, answer);
  checkWitnesses(engine, now, answer.witnesses ?? []);
  const { account, role } = await client.call('whoami', {});
  return {
    now,
    head: answer.head,
    before,
    isWhole: account.isAdministrator && role === 'admin',
    account: account.name,
  };
}

/**
 * The ledger as it is now, when it continues what was known, and says that an object was published.
 * @throws NeoError integrity when it does not
 */
export async function viewPublished(
  client: ControlClient,
  engine: Engine,
  before: KnownLedger | undefined,
  { target, path }: { readonly target: string; readonly path: string },
): Promise<KnownLedger> {
  const answer = await client.call('ledger-head', { from: before?.size ?? 0 });
  const now = checkHead(engine, before, answer);
  checkWitnesses(engine, now, answer.witnesses ?? []);
  const found = await client.call('ledger-find', { target, path, size: now.size }).catch((error: unknown) => {
    throw isNeoError(error, 'not-found') ? missing(path) : error;
  });
  const { kind } = checkIncluded(engine, now, found);
  const content = publishedSchema.safeParse(JSON.parse(found.entry.content));
  if (kind !== 'snapshot' || content.data?.path !== path) throw missing(path);
  return now;
}

const publishedSchema = z.object({ path: z.string() });

function missing(path: string): NeoError {
  return new NeoError('integrity', `the server has taken ${path}, and its ledger does not say so`, {
    hint: 'what was saved is there; ask the administrator of the server: neo ledger verify',
  });
}

/**
 * Of heads that other servers have signed: of this ledger, none longer than it is.
 * @throws NeoError integrity
 */
function checkWitnesses(engine: Engine, now: KnownLedger, witnesses: readonly Witness[]): void {
  for (const witness of witnesses) {
    const isOfIt = witness.site === now.site && isWitness(engine, witness);
    const isBefore = witness.size < now.size || (witness.size === now.size && witness.root === now.root);
    if (isOfIt && isBefore) continue;
    throw new NeoError(
      'integrity',
      `another server has signed another head of the ledger, of ${witness.size} entries`,
      {
        hint: 'somebody has changed what the server wrote down, or it was brought back from an old backup: ask its administrator',
      },
    );
  }
}

/**
 * The entries that one may read, or those of one kind, in order, each verified before it is given; at the end, that none is missing.
 * @throws NeoError integrity, with the number of the first that is not as it was written
 */
export async function* ledgerEntries(
  client: ControlClient,
  engine: Engine,
  view: LedgerView,
  kind?: EntryKind,
): AsyncGenerator<CheckedEntry> {
  const check = new EntryCheck(engine, kind === undefined ? view : { ...view, isWhole: false });
  for (let after: number | null = 0; after !== null && view.now.size > 0; ) {
    const page: Awaited<ReturnType<typeof pageOf>> = await pageOf(client, after, view.now.size, kind);
    for (const each of page.entries) yield check.next(each.entry, each.inclusion);
    if (page.next !== null && page.next <= after) throw new NeoError('failed', 'the server repeats its ledger');
    after = page.next;
  }
  check.end();
}

function pageOf(client: ControlClient, after: number, size: number, kind: EntryKind | undefined) {
  return client.call('ledger', { after, size, ...(kind === undefined ? {} : { kind }) });
}

/** Of one list of entries, wherever it comes from. */
export class EntryCheck {
  readonly #engine: Engine;
  readonly #view: Pick<LedgerView, 'now' | 'before' | 'isWhole'>;
  readonly #whole: WholeLedger;
  #last = 0;

  constructor(engine: Engine, view: Pick<LedgerView, 'now' | 'before' | 'isWhole'>) {
    this.#engine = engine;
    this.#view = view;
    this.#whole = new WholeLedger(engine, view.now);
  }

  /** @throws NeoError integrity */
  next(entry: LedgerEntry, inclusion: readonly string[]): CheckedEntry {
    const { now, before, isWhole } = this.#view;
    if (isWhole) {
      const header = this.#whole.add(entry);
      // What is known is better than any proof.
      if (before !== undefined && this.#whole.size === before.size) this.#whole.checkEnd(before);
      return { header, entry, inclusion: [] };
    }
    if (entry.seq <= this.#last) throw new NeoError('integrity', `entry ${entry.seq} of the ledger comes out of order`);
    this.#last = entry.seq;
    return { header: checkIncluded(this.#engine, now, { entry, inclusion }), entry, inclusion };
  }

  /** @throws NeoError integrity when some were missing */
  end(): void {
    if (this.#view.isWhole) this.#whole.checkEnd(this.#view.now);
  }
}
