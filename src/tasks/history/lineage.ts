/** What each path of one host and its paths held, from which snapshot to which. */
import type { ContentKey, ObjectName } from '../../core/ids.ts';
import type { HistoryEntry } from './entry.ts';

/** Up to the newest snapshot, and on. */
export const OPEN = 0xffff_ffff;

export interface Span {
  /** Absolute, latin1. */
  readonly path: string;
  /** As the newest snapshot of the span has it. */
  entry: HistoryEntry;
  /** Numbers in {@link LineageHistory.snapshots}. */
  readonly first: number;
  last: number;
}

/** What comes to be at a path; undefined where nothing is left. */
export interface Change {
  readonly path: string;
  readonly after: HistoryEntry | undefined;
  /** The content is what it was: only what else is kept of it differs. */
  readonly isSameContent: boolean;
}

export class LineageHistory {
  readonly name: string;
  /** Oldest first, also those that are gone by now. */
  readonly snapshots: ObjectName[];
  /** Of the newest one. */
  tree: ContentKey | undefined;
  #spans: Iterable<Span>;
  /** By path, once something is appended. */
  #open: Map<string, Span> | undefined;

  /** @param spans made as they are asked for where they are only looked at */
  constructor(name: string, snapshots: ObjectName[] = [], spans: Iterable<Span> = [], tree?: ContentKey) {
    this.name = name;
    this.snapshots = snapshots;
    this.#spans = spans;
    this.tree = tree;
  }

  get spans(): Iterable<Span> {
    return this.#spans;
  }

  /** How the next snapshot differs from the newest one. */
  append(name: ObjectName, tree: ContentKey, changes: Iterable<Change>): void {
    const number = this.snapshots.length;
    if (!Array.isArray(this.#spans)) this.#spans = [...this.#spans];
    const spans = this.#spans as Span[];
    this.#open ??= new Map(spans.filter(({ last }) => last === OPEN).map((span) => [span.path, span]));
    for (const { path, after, isSameContent } of changes) {
      const open = this.#open.get(path);
      if (open !== undefined && after !== undefined && isSameContent) {
        open.entry = after;
        continue;
      }
      if (open !== undefined) open.last = number - 1;
      this.#open.delete(path);
      if (after === undefined) continue;
      const span = { path, entry: after, first: number, last: OPEN };
      spans.push(span);
      this.#open.set(path, span);
    }
    this.snapshots.push(name);
    this.tree = tree;
  }

  /** Without snapshots that are gone; the newest one must be there. */
  without(isGone: (name: ObjectName) => boolean): LineageHistory {
    const kept = this.snapshots.filter((name) => !isGone(name));
    const before = new Int32Array(this.snapshots.length + 1);
    for (const [at, name] of this.snapshots.entries()) before[at + 1] = (before[at] ?? 0) + (isGone(name) ? 0 : 1);
    const spans: Span[] = [];
    for (const span of this.spans) {
      const first = before[span.first] ?? 0;
      const last = span.last === OPEN ? OPEN : (before[span.last + 1] ?? 0) - 1;
      if (first <= last) spans.push({ ...span, first, last });
    }
    return new LineageHistory(this.name, kept, spans, this.tree);
  }
}
