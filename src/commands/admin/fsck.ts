import { isDifferent, recountLine } from '../../cli/account-lines.ts';
import { ServerCommand } from '../../cli/server-command.ts';
import { formatCounted } from '../../core/format.ts';

export default class AdminFsck extends ServerCommand {
  static override summary = 'Count again what each target holds';
  static override description =
    'What differs from what the server had counted, because a disk was changed under it, is said and put right: ends ' +
    'with 0. Whether repositories are whole only those can tell who have their keys: neo check.';
  static override examples = ['<%= config.bin %> admin fsck', '<%= config.bin %> admin fsck --json'];
  static override flags = {};

  async run(): Promise<void> {
    const { flags } = await this.parse(AdminFsck);
    await this.ask(flags, async (client) => {
      const { targets } = await client.call('fsck', {});
      const differed = targets.filter(isDifferent);
      for (const each of differed) await this.out.record('recount', { ...each }, recountLine(each));
      const text = `counted ${formatCounted(targets.length, 'target')}: ${differed.length === 0 ? 'all' : `all but ${differed.length}`} as they were counted`;
      await this.out.record('summary', { targets: targets.length, differed: differed.length }, text);
    });
  }
}
