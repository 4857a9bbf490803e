import * as Args from '@oclif/core/args';
import { NeoCommand } from '../../cli/base-command.ts';
import { removeRepository } from '../../cli/config-edit.ts';
import { systemFolders } from '../../cli/surroundings.ts';

export default class RepoRemove extends NeoCommand {
  static override summary = 'Forget the name of a repository';
  static override description = 'The repository itself is not touched.';
  static override examples = ['<%= config.bin %> repo remove disk'];
  static override args = { name: Args.string({ required: true, description: 'As neo repo list shows it.' }) };
  static override flags = {};

  async run(): Promise<void> {
    const { args } = await this.parse(RepoRemove);
    await removeRepository(systemFolders(), args.name);
    await this.out.record('summary', { removed: args.name }, `${args.name} is no name any more`);
  }
}
