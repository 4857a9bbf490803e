import { resolve } from 'node:path';
import * as Args from '@oclif/core/args';
import { parseLocation } from '../../backends/location.ts';
import { NeoCommand } from '../../cli/base-command.ts';
import { addRepository } from '../../cli/config-edit.ts';
import { systemFolders } from '../../cli/surroundings.ts';

export default class RepoAdd extends NeoCommand {
  static override summary = 'Give a repository a name';
  static override description =
    'The name stands for the location in --repo and NEO_REPO, on this machine and for this user. Nothing is looked for ' +
    'at the location; passwords and keys are not stored.';
  static override examples = [
    '<%= config.bin %> repo add disk /mnt/backup/neo',
    '<%= config.bin %> repo add office sftp://ann@backup.example.org/srv/neo',
  ];
  static override args = {
    name: Args.string({ required: true, description: 'Letters, digits, ., _ and -.' }),
    location: Args.string({ required: true, description: 'A path or a URL.' }),
  };
  static override flags = {};

  async run(): Promise<void> {
    const { args } = await this.parse(RepoAdd);
    const { name } = args;
    const location = parseLocation(args.location).kind === 'local' ? resolve(args.location) : args.location;
    await addRepository(systemFolders(), name, location);
    await this.out.record('repository', { name, location }, `${name} is ${location}`);
  }
}
