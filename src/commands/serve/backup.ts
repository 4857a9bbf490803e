import { resolve } from 'node:path';
import * as Args from '@oclif/core/args';
import { PlainCommand } from '../../cli/base-command.ts';
import { dataRootFlag, dataRootOf } from '../../cli/data-root.ts';
import { backUpServer } from '../../server/backup.ts';

export default class ServeBackup extends PlainCommand {
  static override summary = 'Copy what a server knows, also while it runs: accounts, rights, its key';
  static override description =
    'Makes a new folder with the database, the key by which clients know the server, its certificate and its configuration, ' +
    'for nobody but its owner to read. Whoever has the key can pass for the server. Objects are no part of it: they lie as ' +
    'files below targets/, and can be copied as such.';
  static override examples = ['<%= config.bin %> serve backup /mnt/safe/neo-2026-12-01 --data-root /var/lib/neo'];
  static override args = { folder: Args.string({ required: true, description: 'must not be there yet' }) };
  static override flags = { ...dataRootFlag };

  async run(): Promise<void> {
    const { args, flags } = await this.parse(ServeBackup);
    const folder = resolve(args.folder);
    const dataRoot = dataRootOf(flags);
    const files = await backUpServer(dataRoot, folder);
    await this.out.record('summary', { folder, dataRoot, files }, `${folder}: ${files.join(', ')}`);
  }
}
