/** Flags of `neo snapshot` beyond what is left out. */
import { hostname } from 'node:os';
import * as Flags from '@oclif/core/flags';
import { threads } from './threads.ts';

const about = 'ABOUT THE SNAPSHOT';
const input = 'OTHER INPUT';
const comparing = 'COMPARING WITH THE SNAPSHOT BEFORE';
const many = { multiple: true, multipleNonGreedy: true } as const;

export const snapshotFlags = {
  to: Flags.string({
    ...many,
    helpValue: 'LOCATION',
    helpGroup: 'SEVERAL REPOSITORIES',
    exclusive: ['repo'],
    summary:
      'Into this repository, and into the others of which this is said. The first that is there takes the snapshot, the others get copies, and what they missed before.',
  }),
  tag: Flags.string({
    ...many,
    helpValue: 'TAG',
    helpGroup: about,
    summary: 'A word or key=value (may be given again).',
  }),
  host: Flags.string({ helpValue: 'NAME', helpGroup: about, summary: 'Host to record in place of this one.' }),
  label: Flags.string({ helpValue: 'TEXT', helpGroup: about, summary: 'A short name.' }),
  description: Flags.string({ helpValue: 'TEXT', helpGroup: about, summary: 'What this snapshot is for.' }),
  as: Flags.string({ helpValue: 'PATH', helpGroup: about, summary: 'Store the only source under this path.' }),
  'one-file-system': Flags.boolean({
    char: 'x',
    helpGroup: 'WHAT IS LEFT OUT',
    summary: 'Do not enter other file systems.',
  }),
  'files-from': Flags.string({
    ...many,
    helpValue: 'FILE',
    helpGroup: input,
    summary: 'Save the paths in this list, one a line, # for comments (- for standard input).',
  }),
  'files-from-verbatim': Flags.string({
    ...many,
    helpValue: 'FILE',
    helpGroup: input,
    summary: 'As --files-from, every line a path.',
  }),
  'files-from-raw': Flags.string({
    ...many,
    helpValue: 'FILE',
    helpGroup: input,
    summary: 'As --files-from, paths end with a NUL byte.',
  }),
  stdin: Flags.boolean({
    helpGroup: input,
    summary: 'Save standard input as one file.',
    exclusive: ['stdin-from-command'],
  }),
  'stdin-from-command': Flags.boolean({
    helpGroup: input,
    summary: 'Save what the command after -- prints; fails when it fails.',
  }),
  'stdin-filename': Flags.string({
    helpValue: 'PATH',
    helpGroup: input,
    default: 'stdin',
    summary: 'Path of that file in the snapshot.',
  }),
  parent: Flags.string({ helpValue: 'ID', helpGroup: comparing, summary: 'Compare with this snapshot.' }),
  force: Flags.boolean({ char: 'f', helpGroup: comparing, summary: 'Read every file again.' }),
  'ignore-inode': Flags.boolean({ helpGroup: comparing, summary: 'A file with another inode may be unchanged.' }),
  'ignore-ctime': Flags.boolean({ helpGroup: comparing, summary: 'A file with another ctime may be unchanged.' }),
  'skip-if-unchanged': Flags.boolean({ helpGroup: comparing, summary: 'Make no snapshot if nothing differs.' }),
  'with-atime': Flags.boolean({ helpGroup: about, summary: 'Record when files were last read.' }),
  compression: Flags.string({ helpValue: 'LEVEL', summary: 'off, fast, default, better, max, or a zstd level.' }),
  'read-concurrency': Flags.integer({
    min: 1,
    max: 64,
    helpValue: 'N',
    summary: 'Files read at a time (the number of cores).',
  }),
  'dry-run': Flags.boolean({ char: 'n', summary: 'Read and count, but store nothing.' }),
};

export interface SnapshotFlags {
  readonly tag?: string[] | undefined;
  readonly host?: string | undefined;
  readonly label?: string | undefined;
  readonly description?: string | undefined;
  readonly 'one-file-system': boolean;
  readonly parent?: string | undefined;
  readonly force: boolean;
  readonly 'ignore-inode': boolean;
  readonly 'ignore-ctime': boolean;
  readonly 'skip-if-unchanged': boolean;
  readonly 'with-atime': boolean;
  readonly 'read-concurrency'?: number | undefined;
  readonly 'dry-run': boolean;
}

/** The same as the snapshot task wants it. */
export function snapshotValues(flags: SnapshotFlags) {
  const { label, description, parent } = flags;
  return {
    oneFileSystem: flags['one-file-system'],
    host: flags.host ?? hostname(),
    tags: flags.tag ?? [],
    force: flags.force,
    rules: { ignoreInode: flags['ignore-inode'], ignoreCtime: flags['ignore-ctime'] },
    skipIfUnchanged: flags['skip-if-unchanged'],
    dryRun: flags['dry-run'],
    withAtime: flags['with-atime'],
    estimate: process.stderr.isTTY === true,
    ...threads(flags['read-concurrency']),
    ...(label === undefined ? {} : { label }),
    ...(description === undefined ? {} : { description }),
    ...(parent === undefined ? {} : { parent }),
  };
}
