/** What a backup is asked for, and what it reports. */
import type { ObjectName } from '../../core/ids.ts';
import type { StageBudget } from '../../core/stages.ts';
import type { AccountSource } from '../../fs/owners.ts';
import type { WalkFilter } from '../../fs/walk.ts';
import type { SnapshotKind, SnapshotStatistics } from '../../snapshot/snapshot.ts';
import type { UnchangedRules } from './parent.ts';
import type { Source } from './sources.ts';
import type { StreamSource } from './stream.ts';

export interface BackupOptions {
  readonly sources: readonly Source[];
  /** In place of sources: bytes that arrive, as one file. */
  readonly stream?: StreamSource;
  /** What is left out, for each source. */
  readonly filter: (source: Source) => WalkFilter<unknown> | undefined;
  /** A stash is kept beside all rules, and not published in part; partial: a complete one follows. Absent: an ordinary snapshot. */
  readonly kind?: 'stash' | 'partial';
  readonly oneFileSystem: boolean;
  readonly host: string;
  readonly user: string;
  readonly uid?: number;
  readonly tags: readonly string[];
  readonly label?: string;
  readonly description?: string;
  /** For the record. */
  readonly excludes: readonly string[];
  readonly program: string;
  readonly parent?: string;
  readonly force: boolean;
  readonly rules: UnchangedRules;
  readonly skipIfUnchanged: boolean;
  /** Make none of which every file is in the snapshots before. */
  readonly skipIfNothingNew?: boolean;
  readonly dryRun: boolean;
  readonly withAtime: boolean;
  /** Count the sources first, beside the work, so that progress knows its end. */
  readonly estimate?: boolean;
  /** zstd level; the repository's if absent. */
  readonly level?: number;
  /** Names of users and groups; the system's if absent. */
  readonly accounts?: AccountSource;
  /** Threads; 0 does everything in this one. */
  readonly workers: number;
  /** So many bytes are read in this thread before others are started, which takes longer than to read a few. Default 0. */
  readonly threadsAfter?: number;
  /** Milliseconds (repo/grace.ts); for tests alone. */
  readonly graceFloor?: number;
  /** Measure what each stage takes in each thread: {@link BackupSummary.budgets}. */
  readonly profile?: boolean;
}

export interface BackupSummary extends SnapshotStatistics {
  /** Absent for a dry run, or when nothing had changed and that was to be skipped. */
  readonly snapshot?: ObjectName;
  readonly kind: SnapshotKind;
  readonly parent?: ObjectName;
  /** Where the time went, this thread first. */
  readonly budgets?: readonly StageBudget[];
}
