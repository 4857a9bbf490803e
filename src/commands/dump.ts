import { createWriteStream } from 'node:fs';
import { rm } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import { NeoCommand } from '../cli/base-command.ts';
import type { RepositoryFlags } from '../cli/flags.ts';
import { openFromFlags } from '../cli/open.ts';
import { openShareFile, shareFlag } from '../cli/share.ts';
import { untilFilter } from '../cli/until.ts';
import { utf8 } from '../core/bytes.ts';
import { throwIfAborted } from '../core/concurrency.ts';
import { messageOf, NeoError, systemCode } from '../core/errors.ts';
import { formatBytes, formatCounted } from '../core/format.ts';
import { loadKnownIndex } from '../repo/indexed.ts';
import { selectSnapshot, splitReference } from '../snapshot/select.ts';
import { dumpTar, dumpZip } from '../tasks/dump.ts';
import { pathInShare, sharedSnapshot } from '../tasks/shared.ts';
import { lookAtSnapshots } from '../tasks/snapshots.ts';

export default class Dump extends NeoCommand {
  static override summary = 'Write a directory or file of a snapshot as a tar or zip archive';
  static override description =
    'To standard output, or with --output into a new file. Modes, owners, times, links, extended attributes and names of ' +
    'any bytes are in it (pax format; GNU tar sets attributes with --xattrs). Every part is verified before it is ' +
    'written; if something is damaged the archive breaks off without its end, and the code is 15. --zip is for people ' +
    'who have no tar: without owners and attributes, and with names that every system takes. One file as it is: neo cat.';
  static override examples = [
    '<%= config.bin %> dump latest:/home/ann/work | tar -x',
    '<%= config.bin %> dump --at yesterday latest:/home/ann/work | ssh other tar -xC /srv',
    '<%= config.bin %> dump latest --output all.tar',
    '<%= config.bin %> dump latest:/home/ann/photos --zip --output photos.zip',
    '<%= config.bin %> dump --share talk.share | tar -x',
  ];
  static override args = {
    snapshot: Args.string({ description: 'SNAPSHOT or SNAPSHOT:PATH; with --share a path, or all of it.' }),
  };
  static override flags = {
    at: Flags.string({ helpValue: 'TIME', summary: 'The last snapshot not after this time.' }),
    share: shareFlag(['at']),
    zip: Flags.boolean({ summary: 'A zip archive.' }),
    output: Flags.string({ char: 'o', helpValue: 'FILE', summary: 'Into this file; never overwrites.' }),
  };

  async run(): Promise<void> {
    const { args, flags } = await this.parse(Dump);
    const { output } = flags;
    if (output === undefined && (process.stdout.isTTY || this.out.json)) {
      throw new NeoError('usage', 'an archive is no text', { hint: 'say --output FILE, or pipe it: … | tar -x' });
    }
    const { source, snapshot, path } =
      flags.share === undefined
        ? await this.#ofSnapshot(args.snapshot, flags)
        : await this.#ofShare(flags.share, args.snapshot, flags);
    const counts = { files: 0, bytes: 0 };
    const dump = flags.zip ? dumpZip : dumpTar;
    const archive = dump(source, snapshot, path ?? utf8('/'), this.events, counts);
    if (output === undefined) {
      for await (const bytes of archive) await this.out.bytes(bytes);
      return;
    }
    await writeNew(output, archive, this.signal);
    const text = `wrote ${formatCounted(counts.files, 'entry', 'entries')}, ${formatBytes(counts.bytes)}, to ${output}`;
    await this.out.record(
      'summary',
      { snapshot: snapshot.name, file: output, entries: counts.files, bytes: counts.bytes },
      text,
    );
  }

  async #ofSnapshot(argument: string | undefined, flags: RepositoryFlags & { readonly at?: string | undefined }) {
    if (argument === undefined) throw new NeoError('usage', 'no snapshot given', { hint: 'such as: neo dump latest' });
    const until = await untilFilter(flags.at);
    const { repository, state } = await openFromFlags(flags, this.out);
    const look = await lookAtSnapshots(repository, state, this.events);
    const { snapshot: reference, path } = splitReference(argument);
    const snapshot = selectSnapshot(look.snapshots, reference, until, look);
    return { source: await loadKnownIndex(repository, state), snapshot, path };
  }

  async #ofShare(share: string, path: string | undefined, flags: RepositoryFlags) {
    const { source, body, file } = await openShareFile(share, flags, this.out);
    return { source, snapshot: sharedSnapshot(file.share, body), path: pathInShare(path) };
  }
}

/** What broke off is taken away. @throws NeoError already-exists, failed, and what `bytes` throws */
async function writeNew(path: string, bytes: AsyncIterable<Uint8Array>, signal: AbortSignal): Promise<void> {
  const file = createWriteStream(path, { flags: 'wx', flush: true });
  try {
    await pipeline(Readable.from(bytes, { objectMode: false }), file, { signal });
  } catch (error) {
    if (systemCode(error) === 'EEXIST') {
      throw new NeoError('already-exists', `${path} exists already`, {
        hint: 'nothing was changed; choose another name',
      });
    }
    await rm(path, { force: true });
    throwIfAborted(signal);
    if (error instanceof NeoError) throw error;
    throw new NeoError(
      systemCode(error) === 'ENOSPC' ? 'no-space' : 'failed',
      `cannot write ${path}: ${messageOf(error)}`,
      {
        cause: error,
      },
    );
  }
}
