import { resolve } from 'node:path';
import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import { NeoCommand } from '../cli/base-command.ts';
import type { RepositoryFlags } from '../cli/flags.ts';
import { openFromFlags } from '../cli/open.ts';
import type { Output } from '../cli/output.ts';
import { openShareFile, shareFlag } from '../cli/share.ts';
import { untilFilter } from '../cli/until.ts';
import { toBase64, utf8 } from '../core/bytes.ts';
import { NeoError } from '../core/errors.ts';
import { loadKnownIndex } from '../repo/indexed.ts';
import { selectSnapshot, splitReference } from '../snapshot/select.ts';
import { readFileContent, type Stretch } from '../tasks/contents.ts';
import { historySource } from '../tasks/history.ts';
import { inspectObject } from '../tasks/inspect.ts';
import { pathInShare, sharedSnapshot } from '../tasks/shared.ts';
import { lookAtSnapshots } from '../tasks/snapshots.ts';
import { findVersion } from '../tasks/versions.ts';

/** Zeros are written that many at a time. */
const ZEROS = new Uint8Array(1 << 20);

export default class Cat extends NeoCommand {
  static override summary = 'Print a file of a snapshot';
  static override description =
    'Its bytes go to standard output as they are, each part verified before it is printed. With --json: objects `data` ' +
    'with the bytes in base64url, and `hole` for stretches of zeros that take no place.';
  static override examples = [
    '<%= config.bin %> cat latest:/home/ann/work/notes.txt',
    '<%= config.bin %> cat notes.txt --version 2',
    '<%= config.bin %> cat --share talk.share slides/1.md',
    '<%= config.bin %> cat --object snapshots/7f83',
    '<%= config.bin %> cat --at yesterday latest:/home/ann/work/notes.txt > notes-of-yesterday.txt',
  ];
  static override args = {
    file: Args.string({
      required: true,
      description: 'SNAPSHOT:PATH; with --version or --share a path; with --object the start of its path.',
    }),
  };
  static override flags = {
    at: Flags.string({ helpValue: 'TIME', summary: 'The last snapshot not after this time.' }),
    version: Flags.integer({
      min: 1,
      helpValue: 'N',
      summary: 'FILE is a path on the disk: the version of it that neo versions numbers so.',
      exclusive: ['at'],
    }),
    share: shareFlag(['at', 'version']),
    object: Flags.boolean({
      summary: 'An object of the repository, as JSON: config/0, snapshots/7f83, index/…, packs/a3 …',
      exclusive: ['at', 'version', 'share'],
    }),
  };

  async run(): Promise<void> {
    const { args, flags } = await this.parse(Cat);
    const { version } = flags;
    if (flags.object) return this.#object(args.file, flags);
    if (flags.share !== undefined) {
      const { source, body, file } = await openShareFile(flags.share, flags, this.out);
      const path = pathInShare(args.file) ?? utf8('/');
      await this.#print(readFileContent(source, sharedSnapshot(file.share, body), path));
      return;
    }
    const { snapshot: reference, path } = splitReference(args.file);
    if (path === undefined && version === undefined)
      throw new NeoError('usage', 'no path given', { hint: `such as ${reference}:/home/ann/notes` });
    const until = await untilFilter(flags.at);
    const { repository, state } = await openFromFlags(flags, this.out);
    const look = await lookAtSnapshots(repository, state, this.events);
    const indexed = await loadKnownIndex(repository, state);
    const named =
      version === undefined
        ? { last: selectSnapshot(look.snapshots, reference, until, look), path: path ?? utf8('/') }
        : await findVersion(
            historySource(indexed, look),
            look.snapshots,
            utf8(resolve(args.file)),
            version,
            this.events,
          );
    await this.#print(readFileContent(indexed, named.last, named.path));
  }

  async #object(path: string, flags: RepositoryFlags): Promise<void> {
    const { repository } = await openFromFlags(flags, this.out);
    const object = await inspectObject(repository, path);
    if (this.out.json) await this.out.object('object', { object });
    else await this.out.line(JSON.stringify(object, undefined, 2));
  }

  async #print(content: AsyncIterable<Stretch>): Promise<void> {
    for await (const stretch of content) await print(this.out, stretch);
  }
}

async function print(out: Output, stretch: Stretch): Promise<void> {
  if (out.json) {
    const body = stretch.type === 'data' ? { bytes: toBase64(stretch.bytes) } : { length: stretch.length };
    return out.object(stretch.type, body);
  }
  if (stretch.type === 'data') return out.bytes(stretch.bytes);
  for (let left = stretch.length; left > 0; left -= ZEROS.length) {
    await out.bytes(ZEROS.subarray(0, Math.min(left, ZEROS.length)));
  }
}
