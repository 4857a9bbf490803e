/** What can be said of a ledger by who keeps nothing of it but a head: that all entries stand where they were, or which one does not. */
import { fromHex, toHex } from '../core/bytes.ts';
import { NeoError } from '../core/errors.ts';
import type { Engine } from '../engine/engine.ts';
import { EMPTY_ROOT, isConsistent, isIncluded, nodeHash } from '../engine/merkle.ts';
import {
  type EntryHeader,
  entryHash,
  FIRST_PREV,
  faultOf,
  type LedgerEntry,
  type LedgerHead,
  readHeader,
  verifyHead,
} from './ledger.ts';

/** What a client keeps of a server's ledger. */
export interface KnownLedger {
  readonly site: string;
  /** Public, hex. */
  readonly key: string;
  readonly size: number;
  /** Hex. */
  readonly root: string;
}

/**
 * Another state of the same ledger, that continues the known one.
 * @throws NeoError integrity when it is of another server or key, shorter, or another history
 */
export function checkHead(
  engine: Engine,
  known: KnownLedger | undefined,
  {
    key,
    head,
    consistency,
  }: { readonly key: string; readonly head: LedgerHead; readonly consistency: readonly string[] },
): KnownLedger {
  if (known !== undefined && known.site !== head.site) throw tampered('the ledger is of another server');
  if (known !== undefined && known.key !== key) throw tampered('the ledger has another key than it had before');
  verifyHead(engine, fromHex(key), head);
  if (known !== undefined) checkContinues(known, head, consistency);
  return { site: head.site, key, size: head.size, root: head.root };
}

function checkContinues(known: KnownLedger, head: LedgerHead, consistency: readonly string[]): void {
  if (head.size < known.size) {
    throw tampered(`entry ${head.size + 1} of the ledger is gone: it had ${known.size} entries, and has ${head.size}`);
  }
  const before = { size: known.size, root: fromHex(known.root) };
  if (!isConsistent(before, { size: head.size, root: fromHex(head.root) }, consistency.map(fromHex))) {
    throw tampered(`the first ${known.size} entries of the ledger are not what they were`);
  }
}

/** One entry among others, by its proof. @throws NeoError integrity, with its number */
export function checkIncluded(
  engine: Engine,
  { site, key, size, root }: KnownLedger,
  { entry, inclusion }: { readonly entry: LedgerEntry; readonly inclusion: readonly string[] },
): EntryHeader {
  const header = checkEntry(engine, { site, key }, entry);
  const hash = entryHash(entry.header, entry.signature);
  if (!isIncluded(hash, entry.seq - 1, size, fromHex(root), inclusion.map(fromHex))) {
    throw tampered(`entry ${entry.seq} of the ledger does not stand in it`);
  }
  return header;
}

function checkEntry(engine: Engine, { site, key }: Pick<KnownLedger, 'site' | 'key'>, entry: LedgerEntry): EntryHeader {
  const fault = faultOf(engine, fromHex(key), site, entry);
  const header = readHeader(entry.header);
  if (fault !== undefined || header === undefined) throw tampered(`entry ${entry.seq} of the ledger ${fault}`);
  return header;
}

/** All entries of a ledger, from the first on: no proof is needed, the tree is made anew. */
export class WholeLedger {
  readonly #engine: Engine;
  readonly #of: Pick<KnownLedger, 'site' | 'key'>;
  /** Roots of complete trees, the largest first; each smaller than the one before. */
  readonly #trees: { readonly leaves: number; readonly root: Uint8Array }[] = [];
  #prev = FIRST_PREV;
  size = 0;

  constructor(engine: Engine, of: Pick<KnownLedger, 'site' | 'key'>) {
    this.#engine = engine;
    this.#of = of;
  }

  /** The next one. @throws NeoError integrity, with its number */
  add(entry: LedgerEntry): EntryHeader {
    const seq = this.size + 1;
    if (entry.seq !== seq) throw tampered(`entry ${seq} of the ledger is gone`);
    const header = checkEntry(this.#engine, this.#of, entry);
    if (header.prev !== this.#prev) throw tampered(`entry ${seq} of the ledger does not follow the one before it`);
    const hash = entryHash(entry.header, entry.signature);
    this.#prev = toHex(hash);
    this.size = seq;
    let tree = { leaves: 1, root: hash };
    for (let last = this.#trees.at(-1); last?.leaves === tree.leaves; last = this.#trees.at(-1)) {
      this.#trees.pop();
      tree = { leaves: tree.leaves * 2, root: nodeHash(last.root, tree.root) };
    }
    this.#trees.push(tree);
    return header;
  }

  /** Hex. */
  get root(): string {
    const [first, ...rest] = this.#trees.toReversed();
    return toHex(rest.reduce((right, { root }) => nodeHash(root, right), first?.root ?? EMPTY_ROOT));
  }

  /** That these were all. @throws NeoError integrity */
  checkEnd({ size, root }: Pick<KnownLedger, 'size' | 'root'>): void {
    if (this.size < size) throw tampered(`entry ${this.size + 1} of the ledger is gone`);
    if (this.size > size || this.root !== root) throw tampered('the head of the ledger is not of these entries');
  }
}

function tampered(message: string): NeoError {
  return new NeoError('integrity', message, {
    hint: 'somebody has changed what the server wrote down, or it was brought back from an old backup: ask its administrator',
  });
}
