import { userInfo } from 'node:os';
import * as Args from '@oclif/core/args';
import { parseLocation } from '../backends/location.ts';
import { selectionFlags, selectionValues } from '../cli/backup-flags.ts';
import { NeoCommand } from '../cli/base-command.ts';
import { parseCompression } from '../cli/compression.ts';
import { reportTarget } from '../cli/copy-report.ts';
import { graceFloor } from '../cli/grace-floor.ts';
import { type Opened, openFromFlags, openOrCreate } from '../cli/open.ts';
import { type OtherFlags, openOther, otherFlags } from '../cli/other-repository.ts';
import { priorityFlags, priorityPatterns, reportPriority } from '../cli/priority.ts';
import { snapshotFlags, snapshotValues } from '../cli/snapshot-flags.ts';
import { gatherPaths } from '../cli/snapshot-inputs.ts';
import { reportSnapshot } from '../cli/snapshot-report.ts';
import { reportStages } from '../cli/stage-report.ts';
import { type ByteStream, commandOutput, standardInput } from '../cli/stream-source.ts';
import { wantsProfile } from '../cli/surroundings.ts';
import { NeoError } from '../core/errors.ts';
import { type BackupOptions, backup } from '../tasks/backup.ts';
import type { CopySummary } from '../tasks/copy.ts';
import { askShared, followAlong } from '../tasks/follow-shares.ts';
import type { Line } from '../tasks/missed.ts';
import { makeSelection, parseFileList, resolveSources, type SelectionOptions, streamPath } from '../tasks/selection.ts';
import { SeveralTargets } from '../tasks/several-targets.ts';

/** With one of several targets that does not answer at all: at first, and when all others have what they should. */
const FIRST_CONTACT_MS = 3_000;
const LAST_CONTACT_MS = 60_000;

export default class Snapshot extends NeoCommand {
  static override aliases = ['backup'];
  static override summary = 'Save files and directories as a new snapshot';
  static override description = `Only what the repository does not have yet is stored. Without --repo or NEO_REPO the
default repository in your data folder is used, and made at the first snapshot.`;
  static override examples = [
    '<%= config.bin %> snapshot ~/work',
    '<%= config.bin %> snapshot /etc /home --exclude "*.tmp" --tag weekly',
    'pg_dumpall | <%= config.bin %> snapshot --stdin --stdin-filename dump.sql',
    '<%= config.bin %> snapshot ~ --priority defaults --priority "Documents/taxes/*"',
    '<%= config.bin %> snapshot ~/work --to /mnt/usb/neo --to sftp://nas/srv/neo',
    '<%= config.bin %> snapshot --stdin-from-command --stdin-filename dump.sql -- pg_dumpall',
  ];
  static override strict = false;
  static override args = { path: Args.string({ description: 'What to save.', required: false }) };
  static override flags = { ...snapshotFlags, ...selectionFlags, ...priorityFlags, ...otherFlags };

  /** What goes before all else. */
  #first: SelectionOptions | undefined;

  async run(): Promise<void> {
    const { argv, flags } = await this.parse(Snapshot);
    const words = flags['stdin-from-command'] ? commandWords(this.argv) : argv.map(String);
    const streamed = flags.stdin || flags['stdin-from-command'];
    if (flags.stdin && words.length > 0) throw new NeoError('usage', '--stdin takes no paths');
    const paths = streamed ? [] : await gatherPaths(words, flags, parseFileList);
    const sources = resolveSources(paths, process.cwd(), streamed ? undefined : flags.as);
    requireInput(sources.length > 0 || streamed);
    const chosen = selectionValues(flags);
    const selection = makeSelection(chosen, this.events);
    this.#first = firstOf(chosen, flags.priority);
    const level = flags.compression === undefined ? undefined : parseCompression(flags.compression);
    const { username, uid, gid } = userInfo();
    const input = this.input(flags.stdin, flags['stdin-from-command'], words);
    const storedAs = streamPath(flags['stdin-filename']);
    const options = {
      ...snapshotValues(flags),
      ...(input === undefined ? {} : { stream: { ...input, storedAs, uid, gid } }),
      ...(level === undefined ? {} : { level }),
      sources,
      filter: selection.filter,
      excludes: selection.described,
      user: username,
      uid,
      program: this.config.userAgent,
      profile: wantsProfile(),
      ...graceFloor(this.out),
    };
    if (flags.to !== undefined) return this.saveToSeveral(flags.to, flags, options);
    const open = options.dryRun ? openFromFlags : openOrCreate;
    await this.save(await open(flags, this.out), options);
  }

  private async saveToSeveral(locations: readonly string[], flags: OtherFlags, options: BackupOptions): Promise<void> {
    const { stream, dryRun } = options;
    const about = {
      locations,
      open: (location: string, at: number, isLast: boolean): Promise<Opened> => {
        const how = { ...flags, 'first-contact': isLast ? LAST_CONTACT_MS : FIRST_CONTACT_MS };
        return at === 0
          ? openFromFlags({ ...how, repo: location, 'keep-packs': true }, this.out)
          : openOther(location, how, this.out);
      },
      line: lineOf(options),
      dryRun,
      again: stream === undefined,
      save: (opened: Opened): Promise<void> => this.save(opened, options),
      onCopied: (location: string, summary: CopySummary) => reportTarget(this.out, location, summary),
    };
    const without = await new SeveralTargets(about, this.events, this.signal).run();
    if (without > 0) this.exitWith(3);
  }

  private async save({ repository, state, location }: Opened, options: BackupOptions): Promise<void> {
    if (this.#first !== undefined && !options.dryRun) await this.saveFirst(this.#first, { repository, state }, options);
    this.capped(options.level, repository.engine.maxCompressionLevel);
    const isShared = options.dryRun ? undefined : askShared(repository);
    const summary = await backup(repository, state, options, this.events, this.signal);
    this.endProgress();
    reportStages(this.out, summary.budgets);
    await reportSnapshot(this.out, summary, options.dryRun);
    if (summary.snapshot !== undefined && summary.kind === 'snapshot')
      await this.moveShares({ repository, state }, options, isShared);
    if (summary.errors > 0) this.exitWith(3);
    if (summary.snapshot !== undefined) await this.checkLedger(location.location, summary.snapshot);
  }

  /** Of a server of ours: that it has written down what it took. */
  private async checkLedger(location: string, snapshot: string): Promise<void> {
    const parsed = parseLocation(location);
    if (parsed.kind !== 'neo') return;
    const { checkPublished } = await import('../cli/ledger-published.ts');
    await checkPublished(parsed.place, `snapshots/${snapshot}`, this.out);
  }

  /** Those that follow what was saved. */
  private async moveShares(
    { repository, state }: Pick<Opened, 'repository' | 'state'>,
    options: BackupOptions,
    isShared: (() => Promise<boolean>) | undefined,
  ): Promise<void> {
    const { host, user, program, dryRun, graceFloor } = options;
    const floor = graceFloor === undefined ? {} : { graceFloor };
    const asked = isShared === undefined ? {} : { isShared };
    const about = { line: lineOf(options), ...asked, host, user, program, dryRun, ...floor };
    const { followed } = await followAlong(repository, state, about, this.events, this.signal);
    for (const { id } of followed) this.out.note(`share ${id.slice(0, 8)} shows it from now on`);
  }

  private async saveFirst(
    first: SelectionOptions,
    { repository, state }: Pick<Opened, 'repository' | 'state'>,
    options: BackupOptions,
  ): Promise<void> {
    const { filter, described } = makeSelection(first, this.events);
    const about = { filter, excludes: described, kind: 'partial', skipIfNothingNew: true } as const;

    const summary = await backup(repository, state, { ...options, ...about }, this.events, this.signal);
    this.endProgress();
    await reportPriority(this.out, summary);
    this.signal.throwIfAborted();
  }

  private input(stdin: boolean, command: boolean, words: readonly string[]): ByteStream | undefined {
    if (stdin) return standardInput(this.signal);
    return command ? commandOutput(words, this.signal) : undefined;
  }

  private capped(level: number | undefined, most: number): void {
    if (level !== undefined && level > most)
      this.out.note(`compression level ${level} is beyond this engine: ${most} is used`);
  }
}

function lineOf({ stream, sources, host }: BackupOptions): Line {
  return { host, paths: stream === undefined ? sources.map(({ storedAs }) => storedAs) : [stream.storedAs] };
}

/** As they were typed: oclif sorts words by where their text first occurs, be it as the value of a flag. */
function commandWords(typed: readonly string[]): readonly string[] {
  const separator = typed.indexOf('--');
  return separator === -1 ? [] : typed.slice(separator + 1);
}

function firstOf(chosen: SelectionOptions, priority: readonly string[] | undefined): SelectionOptions | undefined {
  return priority === undefined ? undefined : { ...chosen, include: priorityPatterns(priority) };
}

function requireInput(given: boolean): void {
  if (given) return;
  throw new NeoError('usage', 'nothing to save: name a file or a directory', { hint: 'such as: neo snapshot ~/work' });
}
