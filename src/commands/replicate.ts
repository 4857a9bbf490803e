import * as Flags from '@oclif/core/flags';
import { PlainCommand } from '../cli/base-command.ts';
import { outputFlags, storageFlags } from '../cli/flags.ts';
import { replicate } from '../cli/replicate.ts';
import { reportReplicate } from '../cli/replicate-report.ts';

export default class Replicate extends PlainCommand {
  static override summary = 'Copy the storage of a repository to another place, without a key';
  static override description =
    'All objects that the other place lacks are copied as they lie, between any two kinds of storage: no password is ' +
    'asked for, and both places hold the same repository, with the same keys. Nothing is removed at either end. Each ' +
    'object is verified on the way. An interrupted run goes on where it was, and one with nothing to do costs little: ' +
    'two servers compare what they have by hashes of ranges, and are not listed. A place with another repository, or ' +
    'with other files, is left untouched. To copy snapshots into a repository with keys of its own: neo copy.';
  static override examples = [
    '<%= config.bin %> replicate --from /srv/backup --to /mnt/usb/backup',
    '<%= config.bin %> replicate --from /srv/backup --to sftp://nas/srv/backup --dry-run',
    '<%= config.bin %> replicate --from neo://one.example.org/documents --to neo://two.example.org/documents',
    '<%= config.bin %> replicate --from mirror --to /srv/backup --limit-download 2M',
  ];
  static override baseFlags = { ...storageFlags, ...outputFlags };
  static override flags = {
    from: Flags.string({
      required: true,
      helpValue: 'LOCATION',
      summary: 'Where the repository is: a location, or a name from the configuration.',
    }),
    to: Flags.string({
      required: true,
      helpValue: 'LOCATION',
      summary: 'Where it is to be as well. The place is made, if there is none.',
    }),
    'create-bucket': Flags.boolean({ summary: 'Make the bucket of an s3: location, if there is none.' }),
    'dry-run': Flags.boolean({ char: 'n', summary: 'Only say what would be copied.' }),
  };

  async run(): Promise<void> {
    const { flags } = await this.parse(Replicate);
    const means = { out: this.out, events: this.events, signal: this.signal };
    const summary = await replicate(flags, means);
    this.endProgress();
    await reportReplicate(this.out, summary, flags['dry-run']);
  }
}
