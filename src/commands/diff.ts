import { resolve } from 'node:path';
import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import { NeoCommand } from '../cli/base-command.ts';
import { DiffCounts, differenceJson, differenceLine } from '../cli/diff-lines.ts';
import { openFromFlags } from '../cli/open.ts';
import { utf8 } from '../core/bytes.ts';
import { NeoError } from '../core/errors.ts';
import { formatCounted } from '../core/format.ts';
import { type IndexedRepository, loadKnownIndex } from '../repo/indexed.ts';
import { splitReference } from '../snapshot/select.ts';
import { type Difference, diffTrees } from '../tasks/diff.ts';
import { type DiffName, pairsOf } from '../tasks/diff-pairs.ts';
import { lookAtSnapshots } from '../tasks/snapshots.ts';
import { unifiedDiff } from '../tasks/text-diff.ts';

export default class Diff extends NeoCommand {
  static override summary = 'Show what differs between two snapshots, or between a snapshot and the disk';
  static override description =
    'One line for each path: + came, - went, M has another content, T is of another type, and with --metadata U differs ' +
    'in mode, owner, times or attributes alone. What is named is SNAPSHOT, SNAPSHOT:PATH, or PATH@N for the version of a ' +
    'file that `neo versions` numbers so. Of the disk every file of the same size is read and compared by content, ' +
    'whatever its times say.';
  static override examples = [
    '<%= config.bin %> diff latest~1 latest',
    '<%= config.bin %> diff latest~7:/home/ann/work latest:/home/ann/work --stat',
    '<%= config.bin %> diff latest:/home/ann/work --disk',
    '<%= config.bin %> diff notes.txt@1 notes.txt@3 --text',
    '<%= config.bin %> diff notes.txt@3 --disk --text',
  ];
  static override args = {
    before: Args.string({ required: true, description: 'SNAPSHOT, SNAPSHOT:PATH or PATH@N.' }),
    after: Args.string({ required: false, description: 'The same; not with --disk.' }),
  };
  static override flags = {
    disk: Flags.boolean({ summary: 'Compare with what is on the disk now, at the same path.' }),
    metadata: Flags.boolean({ char: 'm', summary: 'Mode, owner, times and attributes, too.' }),
    stat: Flags.boolean({ summary: 'Only how many, and how much.', exclusive: ['text'] }),
    text: Flags.boolean({ char: 'u', summary: 'Of files that are text, the lines that differ (diff -u).' }),
  };

  async run(): Promise<void> {
    const { args, flags } = await this.parse(Diff);
    const names = namesOf(args.before, args.after, flags.disk);
    const { repository, state } = await openFromFlags(flags, this.out);
    const look = await lookAtSnapshots(repository, state, this.events);
    const indexed = await loadKnownIndex(repository, state);
    const counts = new DiffCounts();
    const tally = { files: 0, unreadable: 0 };
    const means = { events: this.events, signal: this.signal };
    for (const [before, after] of await pairsOf(indexed, look, names, this.events)) {
      for await (const difference of diffTrees(before, after, { metadata: flags.metadata }, means, tally)) {
        counts.add(difference);
        if (!flags.stat) await this.#show(indexed, difference, flags.text);
      }
    }
    await this.out.object('summary', counts.json);
    if (flags.stat) await this.out.line(counts.text);
    else this.out.note(counts.text);
    if (tally.unreadable === 0) return;
    const what = formatCounted(tally.unreadable, 'path');
    throw new NeoError('incomplete', `${what} could not be read, and what is below is not compared`);
  }

  async #show(repository: IndexedRepository, difference: Difference, isText: boolean): Promise<void> {
    const text = isText ? await unifiedDiff(repository, difference) : undefined;
    const body = { ...differenceJson(difference), ...(text === undefined ? {} : { text }) };
    await this.out.record('difference', body, text?.replace(/\n$/, '') ?? differenceLine(difference));
  }
}

/** @throws NeoError usage */
function namesOf(before: string, after: string | undefined, isDisk: boolean): [DiffName, DiffName | undefined] {
  if (after === undefined && !isDisk) {
    throw new NeoError('usage', 'compare with what?', { hint: 'name a second snapshot, or say --disk' });
  }
  if (after !== undefined && isDisk) throw new NeoError('usage', 'either a second snapshot, or --disk');
  return [nameOf(before), after === undefined ? undefined : nameOf(after)];
}

function nameOf(text: string): DiffName {
  const [, path = '', version] = /^(.+)@(\d{1,9})$/.exec(text) ?? [];
  const isReference = /^(?:latest(?:~\d+)?|[0-9a-f]{4,64})?:/.test(text);
  if (version !== undefined && !isReference) return { path: utf8(resolve(path)), version: Number(version) };
  return splitReference(text);
}
