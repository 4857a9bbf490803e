import { resolve } from 'node:path';
import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import { NeoCommand } from '../cli/base-command.ts';
import { openFromFlags } from '../cli/open.ts';
import { haveSeveralKeys, snapshotColumns, snapshotJson, snapshotRow } from '../cli/snapshot-lines.ts';
import { untilFilter } from '../cli/until.ts';
import { utf8 } from '../core/bytes.ts';
import { NeoError } from '../core/errors.ts';
import { formatCounted } from '../core/format.ts';
import { filterSnapshots } from '../snapshot/filter.ts';
import type { Snapshot } from '../snapshot/listing.ts';
import { marksOf } from '../snapshot/marks.ts';
import { selectSnapshot } from '../snapshot/select.ts';
import { lookAtSnapshots, type VisibleSnapshots } from '../tasks/snapshots.ts';

/** Whoever names one means that one, and what lies in the trash has to be seen. */
const ANY_KIND = ['snapshot', 'partial', 'stash', 'share'];
const NO_STASHES = ['snapshot', 'partial', 'share'];
const many = { multiple: true, multipleNonGreedy: true } as const;

export default class Snapshots extends NeoCommand {
  static override summary = 'List the snapshots of a repository';
  static override description =
    'Oldest first; with the key that made each, where several keys did. Several values of one filter widen it, several filters narrow it. A snapshot that was there when ' +
    'neo last looked, and is gone without having been removed, is an alarm; damaged ones end the list with code 15.';
  static override examples = [
    '<%= config.bin %> snapshots',
    '<%= config.bin %> snapshots --path ~/work --latest 5',
    '<%= config.bin %> snapshots --tag weekly --host laptop --json',
    '<%= config.bin %> snapshots --at "3 days ago" --latest 1',
    '<%= config.bin %> snapshots latest 2829f3c9',
  ];
  static override strict = false;
  static override args = {
    filter: Args.string({ required: false, description: 'Only these: the start of an id, latest, latest~2 …' }),
  };
  static override flags = {
    host: Flags.string({ ...many, helpValue: 'NAME', summary: 'Only those of this host.' }),
    tag: Flags.string({ ...many, helpValue: 'TAG[,TAG]', summary: 'Only those with this tag, or with all of these.' }),
    path: Flags.string({ ...many, helpValue: 'PATH', summary: 'Only those in which this path can lie.' }),
    at: Flags.string({ helpValue: 'TIME', summary: 'Only those not after this time.' }),
    kind: Flags.string({
      ...many,
      options: ['snapshot', 'partial', 'stash'],
      summary: 'Only those of this kind; without it no stashes, but for --trash.',
    }),
    trash: Flags.boolean({ summary: 'Those that were removed and can be brought back, instead of all others.' }),
    revoked: Flags.boolean({
      summary: 'Those of revoked keys that count no more, instead of all others.',
      exclusive: ['trash'],
    }),
    latest: Flags.integer({ min: 1, helpValue: 'N', summary: 'Only the newest N of those.' }),
  };

  async run(): Promise<void> {
    const { argv, flags } = await this.parse(Snapshots);
    const time = await untilFilter(flags.at);
    const { repository, state } = await openFromFlags(flags, this.out);
    const [listing, now] = await Promise.all([
      lookAtSnapshots(repository, state, this.events),
      repository.backend.now(),
    ]);
    const { faults } = listing;
    const kinds = flags.kind ?? (argv.length > 0 || flags.trash || flags.revoked ? ANY_KIND : NO_STASHES);
    const snapshots = whichOf(listing, flags).filter(({ body }) => kinds.includes(body.kind));
    const marks = (snapshot: Snapshot): string[] => marksOf(snapshot, listing.records, now);
    const wanted = new Set(argv.map((reference) => selectSnapshot(snapshots, String(reference))));
    const chosen = wanted.size === 0 ? snapshots : snapshots.filter((snapshot) => wanted.has(snapshot));
    const found = filterSnapshots(chosen, {
      ...time,
      hosts: flags.host ?? [],
      tags: flags.tag ?? [],
      paths: (flags.path ?? []).map((path) => utf8(resolve(path))),
    }).slice(flags.latest === undefined ? 0 : -flags.latest);
    for (const snapshot of found) await this.out.object('snapshot', snapshotJson(snapshot, marks(snapshot)));
    await this.out.object('summary', { snapshots: found.length, faults: faults.length });
    const withKeys = haveSeveralKeys(snapshots);
    const rows = found.map((snapshot) => snapshotRow(snapshot, withKeys, marks(snapshot)));
    await this.out.table(snapshotColumns(withKeys), rows);
    if (found.length === 0 && faults.length === 0) this.out.note(emptyNote(snapshots.length, flags));
    this.#tellLeftOut(listing, flags);
    if (faults.length > 0) {
      throw new NeoError('integrity', `${formatCounted(faults.length, 'snapshot')} cannot be read`, {
        hint: 'see: neo check',
      });
    }
  }

  #tellLeftOut({ revoked }: VisibleSnapshots, flags: Which): void {
    if (revoked.length === 0 || flags.revoked) return;
    this.out.note(`${formatCounted(revoked.length, 'snapshot')} of revoked keys left out: --revoked`);
  }
}

type Which = { readonly trash: boolean; readonly revoked: boolean };

function whichOf({ snapshots, removed, revoked }: VisibleSnapshots, flags: Which): readonly Snapshot[] {
  if (flags.trash) return removed;
  return flags.revoked ? revoked : snapshots;
}

function emptyNote(all: number, { trash, revoked }: Which): string {
  if (revoked && all === 0) return 'no revoked key made any';
  if (all > 0) return `none of ${formatCounted(all, 'snapshot')} is meant by that`;
  return trash ? 'the trash is empty' : 'there are no snapshots yet';
}
