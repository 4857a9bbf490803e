import { createReadStream } from 'node:fs';
import { hostname, userInfo } from 'node:os';
import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import { NeoCommand } from '../cli/base-command.ts';
import { parseCompression } from '../cli/compression.ts';
import { openFromFlags, openOrCreate } from '../cli/open.ts';
import { snapshotFlags } from '../cli/snapshot-flags.ts';
import { standardInput } from '../cli/stream-source.ts';
import { throwIfAborted } from '../core/concurrency.ts';
import { messageOf, NeoError } from '../core/errors.ts';
import { formatBytes, formatCounted, formatDuration } from '../core/format.ts';
import { loadIndex } from '../repo/indexed.ts';
import { importTar } from '../tasks/import.ts';
import { importPath } from '../tasks/selection.ts';

const { tag, host, label, description, compression } = snapshotFlags;

export default class Import extends NeoCommand {
  static override summary = 'Make a snapshot of a tar archive';
  static override description =
    'Of a file, or of standard input (-): as tar, gzip or zstd has packed it. Modes, owners, times, links, extended ' +
    'attributes, sparse files and names of any bytes are kept; what is stored already is not stored again. Without its ' +
    'end an archive is not taken for whole, and nothing is imported. Entries whose path leads out of the archive are ' +
    'left out and named: then the code is 3.';
  static override examples = [
    '<%= config.bin %> import backup-2019.tar.gz --as /home/ann --tag old',
    'borg export-tar REPO::ARCHIVE - | <%= config.bin %> import -',
    'restic dump latest / | <%= config.bin %> import - --host mail',
    'xz -dc old.tar.xz | <%= config.bin %> import - --dry-run',
  ];
  static override args = {
    archive: Args.string({ description: 'The archive; - for standard input.' }),
  };
  static override flags = {
    as: Flags.string({ helpValue: 'PATH', default: '/', summary: 'Its names stand below this path.' }),
    tag,
    host,
    label,
    description,
    compression,
    'dry-run': Flags.boolean({ char: 'n', summary: 'Read all of it and count, but store nothing.' }),
  };

  async run(): Promise<void> {
    const { args, flags } = await this.parse(Import);
    const dryRun = flags['dry-run'];
    const as = importPath(flags.as);
    const level = flags.compression === undefined ? undefined : parseCompression(flags.compression);
    const bytes = this.#bytes(args.archive);
    const open = dryRun ? openFromFlags : openOrCreate;
    const { repository, state } = await open(flags, this.out);
    const { username, uid, gid } = userInfo();
    const options = {
      bytes,
      as,
      host: flags.host ?? hostname(),
      user: username,
      uid,
      gid,
      tags: flags.tag ?? [],
      ...(flags.label === undefined ? {} : { label: flags.label }),
      ...(flags.description === undefined ? {} : { description: flags.description }),
      program: this.config.userAgent,
      ...(level === undefined ? {} : { level }),
      dryRun,
    };
    const summary = await importTar(await loadIndex(repository), state, options, this.events, this.signal);
    this.endProgress();
    const { snapshot, files, directories, bytes: size, leftOut, bytesStored, durationMs } = summary;
    const stored = `${formatBytes(bytesStored)} ${dryRun ? 'would be ' : ''}stored, in ${formatDuration(durationMs)}`;
    const what = `${formatCounted(files, 'file')} of ${formatBytes(size)}, ${formatCounted(directories, 'directory', 'directories')}`;
    const left =
      leftOut === 0 ? '' : `\n${formatCounted(leftOut, 'entry', 'entries')} left out: see the warnings above`;
    const end = snapshot === undefined ? 'dry run: nothing was stored' : `snapshot ${snapshot.slice(0, 8)} saved`;
    await this.out.record(
      'summary',
      { ...summary, snapshot: snapshot ?? null, dryRun },
      `${what}: ${stored}${left}\n${end}`,
    );
    if (leftOut > 0) this.exitWith(3);
  }

  #bytes(archive: string | undefined): AsyncIterable<Uint8Array> {
    if (archive === undefined)
      throw new NeoError('usage', 'no archive given', { hint: 'such as: neo import FILE, or - for standard input' });
    if (archive !== '-') return readArchive(archive, this.signal);
    if (process.stdin.isTTY) {
      throw new NeoError('usage', 'standard input is a terminal', { hint: 'such as: gunzip -c FILE | neo import -' });
    }
    return standardInput(this.signal).bytes;
  }
}

/** @throws NeoError failed when it cannot be read */
async function* readArchive(path: string, signal: AbortSignal): AsyncGenerator<Uint8Array> {
  try {
    yield* createReadStream(path, { highWaterMark: 1 << 20, signal });
  } catch (error) {
    throwIfAborted(signal);
    throw new NeoError('failed', `cannot read ${path}: ${messageOf(error)}`, {
      hint: 'nothing was imported',
      cause: error,
    });
  }
}
