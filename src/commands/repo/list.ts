import { NeoCommand } from '../../cli/base-command.ts';
import { readConfig } from '../../cli/config.ts';
import { systemFolders } from '../../cli/surroundings.ts';
import { displayText } from '../../core/bytes.ts';

export default class RepoList extends NeoCommand {
  static override summary = 'List repositories that have a name';
  static override examples = ['<%= config.bin %> repo list', '<%= config.bin %> repo list --json'];
  static override flags = {};

  async run(): Promise<void> {
    await this.parse(RepoList);
    const all = Object.entries((await readConfig(systemFolders())).repositories);
    for (const [name, location] of all) await this.out.object('repository', { name, location });
    if (all.length === 0) this.out.note('no repository has a name: neo repo add NAME LOCATION');
    await this.out.table(
      ['NAME', 'LOCATION'],
      all.map(([name, location]) => [name, displayText(location)]),
    );
  }
}
