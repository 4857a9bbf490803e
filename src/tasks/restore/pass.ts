/** One pass over one tree: looking only, or restoring it. */

import { Buffer } from 'node:buffer';
import fs from 'node:fs';
import { displayBytes } from '../../core/bytes.ts';
import { NeoError } from '../../core/errors.ts';
import type { EntryMetadata } from '../../fs/apply.ts';
import type { PathFilter } from '../../fs/ignore-filter.ts';
import type { AccountSource } from '../../fs/owners.ts';
import { parentPath } from '../../fs/path.ts';
import { RestoreTarget } from '../../fs/writer.ts';
import { isTemporaryName } from '../../fs/writer-name.ts';
import type { BlobSource } from '../../repo/blob-reader.ts';
import { type LoadBlob, readTree } from '../../snapshot/tree.ts';
import type { Context } from './context.ts';
import { Deletions } from './deletions.ts';
import type { RestoreRoot } from './destination.ts';
import { Entries } from './entries.ts';
import { Fetcher } from './fetcher.ts';
import { leftOutOf } from './left-out.ts';
import { hostile } from './loader.ts';
import { MetadataReader } from './metadata.ts';
import type { RestoreOptions } from './options.ts';
import { Place } from './place.ts';
import type { RestorePool } from './pool.ts';
import { Schedule } from './schedule.ts';
import type { Tally } from './tally.ts';
import { Walk } from './walk.ts';
import type { WorkerCore } from './worker-core.ts';

export interface PassOptions {
  readonly repository: BlobSource;
  readonly options: RestoreOptions;
  readonly root: RestoreRoot;
  readonly load: LoadBlob;
  readonly pool: RestorePool;
  readonly core: WorkerCore;
  readonly tally: Tally;
  readonly filter: PathFilter;
  readonly accounts: AccountSource;
  readonly mode: Context['mode'];
  readonly signal: AbortSignal | undefined;
}

/** @throws NeoError what ends a restore; then nothing half done is left */
export async function runPass(pass: PassOptions): Promise<void> {
  const { root, tally, mode, options } = pass;
  const wasThere = fs.existsSync(root.directory);
  if (mode !== 'restore' && !wasThere) return runMissing(pass);
  if (root.fresh && root.name === undefined && wasThere) throw exists(root.directory);
  const target = openTarget(pass, root.directory);
  tally.root = target.rootPath;
  const context = contextOf(pass);
  const parts = partsOf(pass, context);
  // Where much is there already, perhaps none is needed.
  if (!wasThere && mode === 'restore') pass.pool.start(options.snapshot.statistics.bytesProcessed);
  try {
    await plan(pass, context, target, parts);
    if (mode === 'count') return parts.deletions.refuseMany();
    if (mode === 'dry-run') return;
    await parts.schedule.finish();
    parts.entries.links.place(context);
    target.finishDirectories();
    tally.progress();
  } catch (error) {
    await parts.schedule.abandon();
    throw error;
  } finally {
    target.close();
  }
}

/** Nothing is there yet: everything would be new. Looked at from the deepest directory that exists. */
async function runMissing(pass: PassOptions): Promise<void> {
  if (pass.mode === 'count') return;
  const { root } = pass;
  let above: Buffer = root.directory;
  while (!fs.existsSync(above)) above = parentPath(above);
  const target = openTarget(pass, above);
  pass.tally.root = root.directory;
  const context = contextOf(pass);
  try {
    await plan(
      { ...pass, root: { ...root, directory: root.directory } },
      context,
      target,
      partsOf(pass, context),
      true,
    );
  } finally {
    target.close();
  }
}

/** Jobs at a time where each is a way over a network: what is fetched is bounded in bytes, and storage by its backend. */
const REMOTE_JOBS = 32;

const SECURITY_NOTE =
  'security.* attributes (file capabilities, labels) were left out; --security-xattrs restores them';

function exists(path: Uint8Array): NeoError {
  return new NeoError('already-exists', `${displayBytes(path)} is there already`, { hint: 'use --to DIR' });
}

function openTarget({ options, tally, mode, repository }: PassOptions, directory: Buffer): RestoreTarget {
  return RestoreTarget.open(directory, {
    replace: options.delete === true && mode === 'restore',
    devices: options.devices ?? false,
    owners: options.ownership ?? true,
    securityAttributes: options.securityAttributes ?? false,
    sync: options.sync === true ? 'file' : 'none',
    onProblem: (problem) => tally.problem(problem),
    onNote: (note) => tally.note(note),
    random: repository.random,
  });
}

function contextOf(pass: PassOptions): Context {
  const { options, load, tally, pool, filter, mode, signal } = pass;
  const ownership = options.ownership ?? true;
  return {
    load,
    metadata: new MetadataReader(load, pass.accounts, {
      numericIds: options.numericIds ?? false,
      owners: ownership,
      securityAttributes: options.securityAttributes ?? false,
      onLeftOut: () => tally.note(SECURITY_NOTE),
      onLost: (path, message) => tally.problem({ what: 'attribute', path, message }),
    }),
    filter,
    leftOut: leftOutOf(options.snapshot.excludes),
    tally,
    pool,
    overwrite: options.overwrite ?? 'if-changed',
    verify: options.verify ?? false,
    devices: options.devices ?? false,
    targetSystem: options.targetSystem,
    resume: options.resume ?? false,
    deletes: options.delete ?? false,
    mode,
    signal,
    act: options.onAction ?? (() => undefined),
  };
}

interface Parts {
  readonly schedule: Schedule;
  readonly entries: Entries;
  readonly deletions: Deletions;
}

function partsOf(pass: PassOptions, context: Context): Parts {
  const { repository, load, pool, core, tally, signal, options } = pass;
  const fetcher = new Fetcher({
    repository,
    load,
    pool,
    core,
    tally,
    jobs: repository.backend.isRemote === true ? REMOTE_JOBS : 2 * Math.max(1, options.workers ?? 2),
    signal,
    onDone: (work) => schedule.done(work),
  });
  const schedule: Schedule = new Schedule(fetcher, context);
  return { schedule, entries: new Entries(context, schedule), deletions: new Deletions(context) };
}

async function plan(
  pass: PassOptions,
  context: Context,
  target: RestoreTarget,
  { entries, deletions }: Parts,
  missing = false,
): Promise<void> {
  const { root, options, tally } = pass;
  const walk = new Walk({ context, entries, deletions, sources: options.snapshot.paths });
  const isNew = missing || target.list(target.root).length === 0;
  if (root.name === undefined) {
    const tree = root.node === undefined ? options.snapshot.tree : root.node.tree;
    if (tree === undefined) throw hostile('a directory without content');
    if (context.mode === 'restore') target.loosenRoot();
    await walk.below(Place.root(target, isNew, await ownMetadata(pass, context, target, isNew)), tree, root.path);
  } else if (root.node !== undefined) {
    let place = Place.root(target, isNew);
    for (const node of root.chain)
      place = new Place(target, place, node.name, await context.metadata.of(node, () => node.name), true);
    await walk.entry(place, root.node, root.name, parentPath(root.path));
  }
  tally.totalFiles = tally.plannedFiles;
  tally.totalBytes = tally.plannedBytes;
}

/** What the target itself gets: something only if it is the directory that is restored, and not just a place for it. */
async function ownMetadata(
  pass: PassOptions,
  context: Context,
  target: RestoreTarget,
  isNew: boolean,
): Promise<EntryMetadata | undefined> {
  const { node } = pass.root;
  if (node === undefined) return undefined;
  const owns = isNew || (await isCopy(pass, target));
  if (context.deletes && !owns) refuseForeign(pass);
  return owns && context.mode === 'restore' ? context.metadata.of(node, () => new Uint8Array()) : undefined;
}

/** True if the directory holds nothing but what the snapshot's has: then it is that directory, metadata and all. */
async function isCopy({ root, load, options }: PassOptions, target: RestoreTarget): Promise<boolean> {
  const tree = root.node?.tree;
  if (tree === undefined) return false;
  const names = new Set<string>();
  for await (const node of readTree(load, tree)) names.add(Buffer.from(node.name).toString('latin1'));
  const local = target.list(target.root).filter((name) => !isTemporaryName(name));
  const known = local.filter((name) => names.has(name.toString('latin1'))).length;
  if (options.delete === true && (known > 0 || options.yes === true)) return true;
  return known === local.length;
}

/** @throws NeoError failed */
function refuseForeign({ root }: PassOptions): never {
  throw new NeoError('failed', `--delete: ${displayBytes(root.directory)} has nothing in common with the snapshot`, {
    hint: 'is it the right directory? If all in it shall go, say --yes. Nothing was changed',
  });
}
