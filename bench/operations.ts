/** What is measured, on what. */
import type { CorpusName } from './corpora.ts';

/** Ids for `--only`, in the order in which they run, and what they are called in tables. */
export const OPERATIONS = {
  first: 'first snapshot',
  unchanged: 'unchanged snapshot',
  ls: '`ls` of everything',
  check: 'check',
  'check-data': 'check, all data read',
  restore: 'restore to an empty place',
  'restore-over': 'restore over the same',
  edits: 'snapshot after edits of 1 % of the files',
  'image-scattered': 'image, 2 % of its blocks changed, scattered',
  'image-runs': 'image, 2 % of its blocks changed, in runs',
  version: 'version',
  snapshots: 'list of snapshots',
  limits: 'limits',
} as const;
export type Operation = keyof typeof OPERATIONS;

export interface Scene {
  /** The first of them is what the first snapshot takes; none: the folder of the benchmark itself. */
  readonly corpora: readonly CorpusName[];
  readonly operations: readonly Operation[];
  /** How often each is run in a round. */
  readonly times: number;
}

const WHOLE: readonly Operation[] = ['first', 'unchanged', 'check', 'check-data', 'restore', 'restore-over', 'limits'];
const FILES: readonly Operation[] = [...WHOLE, 'ls', 'edits'];

/** Ids for `--corpus`. */
export const SCENES = {
  start: { corpora: [], operations: ['version', 'snapshots'], times: 3 },
  big: { corpora: ['big'], operations: WHOLE, times: 1 },
  mixed: { corpora: ['mixed'], operations: FILES, times: 1 },
  small: { corpora: ['small'], operations: FILES, times: 1 },
  vm: { corpora: ['vm', 'vm2', 'vm3'], operations: ['first', 'image-scattered', 'image-runs'], times: 1 },
} as const satisfies Readonly<Record<string, Scene>>;
export type SceneName = keyof typeof SCENES;
