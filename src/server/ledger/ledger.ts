/**
 * The ledger (protocol/ledger.ts) in the database. An entry is there, for ever, before anybody is told that what it says was done. All that is known
 * of it lies in the database: whoever appends reads the end of it in the same transaction.
 */
import { setImmediate } from 'node:timers/promises';
import { type Kysely, sql, type Transaction } from 'kysely';
import { fromHex, toHex } from '../../core/bytes.ts';
import type { Clock } from '../../core/clock.ts';
import { NeoError } from '../../core/errors.ts';
import { canonicalText } from '../../core/json.ts';
import type { Random } from '../../core/random.ts';
import type { Engine } from '../../engine/engine.ts';
import { consistencyProof, inclusionProof, type NodeAt, nodesAfter, rootOf } from '../../engine/merkle.ts';
import {
  type EntryHeader,
  type EntryKind,
  entryHash,
  FIRST_PREV,
  type LedgerEntry,
  type LedgerHead,
  MOST_ENTRIES,
  payloadOf,
  signEntry,
  signHead,
} from '../../protocol/ledger.ts';
import { signWitness, type Witness } from '../../protocol/witness.ts';
import type { Tables } from '../database/tables.ts';

/** Something that was done. */
export interface Deed {
  readonly kind: EntryKind;
  /** Without secrets. */
  readonly content: Readonly<Record<string, unknown>>;
  /** Ids of the accounts that may read it. */
  readonly readers: readonly string[];
  /** By which {@link Ledger.knows} finds it. */
  readonly subject?: string;
  /** Done in the same transaction. */
  readonly also?: (trx: Transaction<Tables>) => Promise<void>;
}

export interface LedgerOptions {
  readonly db: Kysely<Tables>;
  readonly engine: Engine;
  readonly clock: Clock;
  readonly random: Random;
  readonly site: string;
  /** 32 bytes (key.ts). */
  readonly seed: Uint8Array;
}

/** Of one answer, about. */
const MOST_BYTES = 4 << 20;

/** Entries that are proved without a pause. */
const BETWEEN = 4;

type Reading = Kysely<Tables> | Transaction<Tables>;

/** One that waits until it is written down together with others. */
interface Waiting {
  readonly deed: Deed;
  readonly resolve: (seq: number) => void;
  readonly reject: (error: unknown) => void;
}

export class Ledger {
  /** Public: 32 bytes. */
  readonly key: Uint8Array;
  readonly #options: LedgerOptions;
  #waiting: Waiting[] = [];
  #isWriting = false;

  private constructor(options: LedgerOptions) {
    this.#options = options;
    this.key = options.engine.signPublicKey(options.seed);
  }

  /** Begins it where there is none. */
  static async open(options: LedgerOptions): Promise<Ledger> {
    const ledger = new Ledger(options);
    await options.db.transaction().execute(async (trx) => {
      if ((await sizeOf(trx)) > 0) return;
      await ledger.append(trx, { kind: 'begin', content: { key: toHex(ledger.key) }, readers: [] });
    });
    return ledger;
  }

  /** Written down when the transaction is. @returns its number */
  async append(trx: Transaction<Tables>, { kind, content, readers, subject, also }: Deed): Promise<number> {
    const { engine, clock, random, site, seed } = this.#options;
    const last = await trx
      .selectFrom('ledger')
      .select(['seq', 'hash'])
      .orderBy('seq', 'desc')
      .limit(1)
      .executeTakeFirst();
    const seq = (last?.seq ?? 0) + 1;
    const salt = toHex(random.bytes(16));
    const text = JSON.stringify(content);
    const payload = payloadOf(salt, text);
    const header: EntryHeader = { v: 1, site, seq, time: clock.now(), kind, prev: last?.hash ?? FIRST_PREV, payload };
    const signature = signEntry(engine, seed, header);
    const written = canonicalText(header);
    const hash = entryHash(written, signature);
    await trx
      .insertInto('ledger')
      .values({
        seq,
        kind,
        header: written,
        signature,
        salt,
        content: text,
        hash: toHex(hash),
        subject: subject ?? null,
      })
      .execute();
    const nodes = await nodesAfter(seq - 1, hash, nodeAt(trx));
    if (nodes.length > 0) {
      const rows = nodes.map(({ level, index, hash: node }) => ({ level, place: index, hash: toHex(node) }));
      await trx.insertInto('ledger_nodes').values(rows).execute();
    }
    const accounts = [...new Set(readers)].map((account) => ({ account, seq }));
    if (accounts.length > 0) await trx.insertInto('ledger_readers').values(accounts).execute();
    await also?.(trx);
    return seq;
  }

  /** Durable when the promise resolves. Those that come while others are written go together. @returns its number */
  record(deed: Deed): Promise<number> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ deed, resolve, reject });
      if (!this.#isWriting) void this.#write();
    });
  }

  /** What the records of an account take. */
  async recordBytes(reader: string): Promise<number> {
    const { sum } = await this.#options.db
      .selectFrom('ledger')
      .innerJoin('ledger_readers', 'ledger_readers.seq', 'ledger.seq')
      .where('ledger_readers.account', '=', reader)
      .where('kind', '=', 'record')
      .select((eb) => eb.fn.coalesce(eb.fn.sum<number>(sql`length(content)`), sql<number>`0`).as('sum'))
      .executeTakeFirstOrThrow();
    return sum;
  }

  async knows(subject: string): Promise<boolean> {
    const { db } = this.#options;
    const found = await db.selectFrom('ledger').where('subject', '=', subject).select('seq').limit(1).execute();
    return found.length > 0;
  }

  /** The first entry of a subject among the first `size`, with its proof. @throws NeoError not-found, usage */
  async find(subject: string, size: number): Promise<{ readonly entry: LedgerEntry; readonly inclusion: string[] }> {
    const { db } = this.#options;
    await this.#requireSize(size);
    const row = await db
      .selectFrom('ledger')
      .where('subject', '=', subject)
      .where('seq', '<=', size)
      .selectAll()
      .orderBy('seq')
      .limit(1)
      .executeTakeFirst();
    if (row === undefined) throw new NeoError('not-found', 'the ledger has no entry of it');
    const { seq, header, signature, salt, content } = row;
    const inclusion = await inclusionProof(seq - 1, size, nodeAt(db));
    return { entry: { seq, header, signature, salt, content }, inclusion: inclusion.map(toHex) };
  }

  async #requireSize(size: number): Promise<void> {
    const known = await sizeOf(this.#options.db);
    if (size > known) throw new NeoError('usage', `the ledger has ${known} entries, not ${size}`);
  }

  async #write(): Promise<void> {
    this.#isWriting = true;
    while (this.#waiting.length > 0) {
      const together = this.#waiting;
      this.#waiting = [];
      try {
        const numbers = await this.#options.db.transaction().execute(async (trx) => {
          const written: number[] = [];
          for (const { deed } of together) written.push(await this.append(trx, deed));
          return written;
        });
        for (const [n, { resolve }] of together.entries()) resolve(numbers[n] ?? 0);
      } catch (error) {
        for (const { reject } of together) reject(error);
      }
    }
    this.#isWriting = false;
  }

  size(): Promise<number> {
    return sizeOf(this.#options.db);
  }

  /** That a head of another ledger was seen, signed with the key of this one. */
  witness(seen: Omit<Witness, 'v' | 'key' | 'signature'>): Witness {
    const { engine, seed } = this.#options;
    return signWitness(engine, seed, { v: 1, ...seen, time: Math.round(seen.time), key: toHex(this.key) });
  }

  /** Signed now; and what shows that it continues the first `from` entries: nothing, where there are not so many. */
  async head(from = 0): Promise<{ readonly head: LedgerHead; readonly consistency: string[] }> {
    const { db, engine, clock, site, seed } = this.#options;
    const size = await sizeOf(db);
    const nodes = nodeAt(db);
    const root = toHex(await rootOf(size, nodes));
    const head = signHead(engine, seed, { v: 1, site, size, root, time: clock.now() });
    const proof = from > size ? [] : await consistencyProof(from, size, nodes);
    return { head, consistency: proof.map(toHex) };
  }

  /**
   * Entries after a number, the first ones first, of the first `size`; those of one account with a proof that they are among these.
   * @param reader id of the account; undefined: all
   * @param kind only of this kind: then all with proofs
   */
  async entries(after: number, size: number, reader: string | undefined, kind?: EntryKind) {
    const { db } = this.#options;
    await this.#requireSize(size);
    const rows = await db
      .selectFrom('ledger')
      .selectAll('ledger')
      .where('seq', '>', after)
      .where('seq', '<=', size)
      .$if(reader !== undefined, (query) =>
        query.where('seq', 'in', (of) =>
          of
            .selectFrom('ledger_readers')
            .where('account', '=', reader ?? '')
            .select('ledger_readers.seq'),
        ),
      )
      .$if(kind !== undefined, (query) => query.where('kind', '=', kind ?? 'record'))
      .orderBy('seq')
      .limit(MOST_ENTRIES)
      .execute();
    const nodes = remembered(nodeAt(db));
    const entries: { readonly entry: LedgerEntry; readonly inclusion: string[] }[] = [];
    let bytes = 0;
    for (const { hash: _, subject: __, kind: ___, ...entry } of rows) {
      if (bytes > MOST_BYTES) break;
      bytes += entry.content.length;
      // Nobody else is served while the database answers.
      if (entries.length % BETWEEN === 0) await setImmediate();
      // Whoever reads all of them makes the tree himself.
      const inclusion =
        reader === undefined && kind === undefined ? [] : await inclusionProof(entry.seq - 1, size, nodes);
      entries.push({ entry, inclusion: inclusion.map(toHex) });
    }
    const isAll = entries.length === rows.length && rows.length < MOST_ENTRIES;
    return { entries, next: isAll ? null : (entries.at(-1)?.entry.seq ?? null) };
  }
}

/** Proofs of entries that stand side by side have most of their nodes in common. */
function remembered(nodes: NodeAt): NodeAt {
  const known = new Map<string, Promise<Uint8Array>>();
  return (level, index) => {
    const key = `${level}/${index}`;
    const found = known.get(key) ?? nodes(level, index);
    known.set(key, found);
    return found;
  };
}

async function sizeOf(db: Reading): Promise<number> {
  const last = await db.selectFrom('ledger').select('seq').orderBy('seq', 'desc').limit(1).executeTakeFirst();
  return last?.seq ?? 0;
}

function nodeAt(db: Reading): NodeAt {
  return async (level, index) => {
    const row =
      level === 0
        ? await db
            .selectFrom('ledger')
            .where('seq', '=', index + 1)
            .select('hash')
            .executeTakeFirst()
        : await db
            .selectFrom('ledger_nodes')
            .where('level', '=', level)
            .where('place', '=', index)
            .select('hash')
            .executeTakeFirst();
    if (row !== undefined) return fromHex(row.hash);
    const what = level === 0 ? `entry ${index + 1} of the ledger` : `node ${index} of level ${level} of the ledger`;
    throw new NeoError('integrity', `${what} is gone`);
  };
}
