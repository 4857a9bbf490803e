import { resolve } from 'node:path';
import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import { NeoCommand } from '../cli/base-command.ts';
import { openFromFlags } from '../cli/open.ts';
import { displayBytes, toByteString, utf8 } from '../core/bytes.ts';
import { NeoError } from '../core/errors.ts';
import { formatCounted } from '../core/format.ts';
import { loadIndex } from '../repo/indexed.ts';
import { lookAtSnapshots } from '../tasks/snapshots.ts';
import { verifySource } from '../tasks/verify-source.ts';

export default class VerifySource extends NeoCommand {
  static override summary = 'Look for files on the disk that went bad: other bytes, though nobody wrote to them';
  static override description =
    'Every file that has the size and the time of its last change that the snapshot has of it is read, and compared with ' +
    'the snapshot by content. One that differs was not changed by a program that says so: the disk, or what lies between, ' +
    'has damaged it, and the next snapshot would keep the damage. It is named, and the end is 15. Files that were changed ' +
    'in the ordinary way are only counted. Nothing is written.';
  static override examples = [
    '<%= config.bin %> verify-source ~/photos',
    '<%= config.bin %> verify-source ~/photos --snapshot latest~30',
  ];
  static override strict = false;
  static override args = {
    path: Args.string({ required: true, description: 'Files or directories that were saved.' }),
  };
  static override flags = {
    snapshot: Flags.string({
      helpValue: 'ID',
      default: 'latest',
      summary: 'Compare with this one: latest is the latest in which the path can lie.',
    }),
  };

  async run(): Promise<void> {
    const { argv, flags } = await this.parse(VerifySource);
    const { repository, state } = await openFromFlags(flags, this.out);
    const look = await lookAtSnapshots(repository, state, this.events);
    const indexed = await loadIndex(repository, 0);
    const tally = { files: 0, unreadable: 0, changed: 0, damaged: 0 };
    const means = { events: this.events, signal: this.signal };
    for (const path of argv.map((text) => utf8(resolve(String(text))))) {
      const source = { path, reference: flags.snapshot };
      for await (const { path: bad, snapshot } of verifySource(indexed, look, source, means, tally)) {
        const text = `${displayBytes(bad)}: not what snapshot ${snapshot.slice(0, 8)} has`;
        await this.out.record('damage', { path: toByteString(bad), snapshot }, text);
      }
    }
    const { files, unreadable, changed, damaged } = tally;
    const text = `${formatCounted(files, 'file')} compared, ${changed} changed in the ordinary way, ${damaged} damaged`;
    await this.out.record('summary', { files, changed, damaged, unreadable }, text);
    if (damaged > 0) {
      throw new NeoError('integrity', `${formatCounted(damaged, 'file')} went bad on the disk`, {
        hint: 'what the snapshot has: neo restore SNAPSHOT:PATH --to DIR; and see to the disk',
      });
    }
    if (unreadable > 0) throw new NeoError('incomplete', `${formatCounted(unreadable, 'path')} could not be read`);
  }
}
