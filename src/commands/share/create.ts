import { hostname, userInfo } from 'node:os';
import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import { NeoCommand } from '../../cli/base-command.ts';
import { parseExpiry } from '../../cli/expiry.ts';
import { readRecipient } from '../../cli/identity.ts';
import { newPasswordFlags, readNewPassword } from '../../cli/key-flags.ts';
import { openFromFlags } from '../../cli/open.ts';
import { withSecretFile } from '../../cli/secret-file.ts';
import { letInto, letNobodyInto, locationForOthers } from '../../cli/server-share.ts';
import { untilFilter } from '../../cli/until.ts';
import { displayBytes } from '../../core/bytes.ts';
import { NeoError } from '../../core/errors.ts';
import { formatBytes, formatCounted } from '../../core/format.ts';
import { sealSecret } from '../../repo/file-secret.ts';
import { loadIndex } from '../../repo/indexed.ts';
import { requireFull } from '../../repo/repository.ts';
import { encodeShareFile } from '../../repo/share-file.ts';
import { selectSnapshot, splitReference } from '../../snapshot/select.ts';
import { fileSecret } from '../../tasks/keys.ts';
import { type CreateShareSummary, createShare, newShare } from '../../tasks/shares.ts';
import { lookAtSnapshots } from '../../tasks/snapshots.ts';

export default class ShareCreate extends NeoCommand {
  static override summary = 'Let somebody read one directory or file of a snapshot, and nothing else';
  static override description =
    'Writes a small file. Whoever has it, and can read the storage, reads that directory as it is in the snapshot, with ' +
    'neo ls, cat, restore or dump --share FILE: no password, no key of the repository, and nothing beside, above or ' +
    'deleted. --to makes it useful to one person alone (their file comes from neo key identity), --protect asks for a ' +
    'password. With --follow it shows from then on the directory as it is in the newest snapshot of the same host and ' +
    'paths, whoever has the file. On a server of neo, --account lets an account in to what the share reaches. What is shared stays in the repository until neo share remove, or until it ends.';
  static override examples = [
    '<%= config.bin %> share create latest:/home/ann/work/talk --to bob.pub --out talk.share',
    '<%= config.bin %> share create latest:/home/ann/work/talk --expires "in 30 days" --out talk.share',
    '<%= config.bin %> share create latest:/home/ann/presentations --repo neo://backup.example.org/documents --account bob --out talk.share',
    '<%= config.bin %> share create latest:/home/ann/work/talk --follow --to bob.pub --out talk.share',
    '<%= config.bin %> ls --share talk.share',
  ];
  static override args = {
    snapshot: Args.string({ required: true, description: 'SNAPSHOT:PATH.' }),
  };
  static override flags = {
    out: Flags.string({
      required: true,
      helpValue: 'FILE',
      summary: 'The share; an existing file is not overwritten.',
    }),
    to: Flags.string({ helpValue: 'FILE', summary: 'For this recipient alone.', exclusive: ['protect'] }),
    account: Flags.string({
      helpValue: 'NAME',
      summary:
        'An account of the neo: server that the repository is on: it is let in to this share, and to nothing else.',
    }),
    protect: Flags.boolean({ summary: 'Opening it asks for a password.' }),
    follow: Flags.boolean({
      summary: 'After each new snapshot of the same host and paths it shows what is there by then.',
    }),
    expires: Flags.string({ helpValue: 'DATE', summary: 'From the end of that day on it opens nothing.' }),
    message: Flags.string({ char: 'm', helpValue: 'TEXT', summary: 'Why, for the list.' }),
    location: Flags.string({
      helpValue: 'LOCATION',
      summary: 'Where its reader reaches the repository, if elsewhere.',
    }),
    at: Flags.string({ helpValue: 'TIME', summary: 'The last snapshot not after this time.' }),
    'dry-run': Flags.boolean({ char: 'n', summary: 'Only say what would be shared, and what it would store.' }),
    ...newPasswordFlags,
  };

  async run(): Promise<void> {
    const { args, flags } = await this.parse(ShareCreate);
    const { snapshot: reference, path } = splitReference(args.snapshot);
    if (path === undefined) {
      throw new NeoError('usage', 'no path given', { hint: `such as ${reference}:/home/ann/work/talk` });
    }
    const until = await untilFilter(flags.at);
    const recipient = flags.to === undefined ? undefined : await readRecipient(flags.to);
    const { repository, state, location } = await openFromFlags(flags, this.out);
    requireFull(repository, 'share');
    const look = await lookAtSnapshots(repository, state, this.events);
    const snapshot = selectSnapshot(look.snapshots, reference, until, look);
    const expires = await parseExpiry(flags.expires, repository.clock.now());
    const { engine, random } = repository;
    const fresh = newShare(repository);
    const dryRun = flags['dry-run'];
    const options = {
      look,
      snapshot,
      path,
      expires,
      follow: flags.follow,
      ...(recipient === undefined ? {} : { recipient: recipient.name }),
      ...(flags.message === undefined ? {} : { description: flags.message }),
      host: hostname(),
      user: userInfo().username,
      program: this.config.userAgent,
      dryRun,
    };
    const indexed = await loadIndex(repository);
    const create = (): Promise<CreateShareSummary> =>
      createShare(indexed, state, fresh, options, this.events, this.signal);
    if (dryRun) return this.#report(await create(), flags.out, path, dryRun);
    const protect = flags.protect ? await readNewPassword(flags, this.out, 'Password for the share') : undefined;
    const secret =
      recipient === undefined
        ? await fileSecret(repository, fresh.key, protect)
        : sealSecret(engine, random, fresh.key, recipient.kemPublic);
    const file = encodeShareFile({
      repository: repository.id,
      config0: repository.slot.config0,
      share: fresh.id,
      location: flags.location ?? (await locationForOthers(location.location)),
      name: path,
      expires,
      secret,
    });
    let summary: CreateShareSummary | undefined;
    await withSecretFile(flags.out, file, async () => {
      const { account } = flags;
      if (account === undefined) {
        summary = await create();
        return;
      }
      // First, for it may be refused; to a share that is not there yet it lets nobody in.
      await letInto(location.location, fresh.id, account, expires);
      summary = await create().catch(async (error: unknown) => {
        await letNobodyInto(location.location, [fresh.id]).catch(() => undefined);
        throw error;
      });
    });
    if (summary !== undefined) await this.#report(summary, flags.out, path, dryRun, fresh.id);
  }

  async #report(summary: CreateShareSummary, out: string, path: Uint8Array, dryRun: boolean, id?: string) {
    this.endProgress();
    const { files, bytes, bytesAdded } = summary;
    const verb = dryRun ? 'would share' : 'shared';
    const what = `${formatCounted(files, 'file')} of ${formatBytes(bytes)}`;
    const text = `${verb} ${displayBytes(path)}, ${what}, as ${out}; ${formatBytes(bytesAdded)} stored for it`;
    await this.out.record('summary', { id, file: out, files, bytes, bytesStored: bytesAdded, dryRun }, text);
  }
}
