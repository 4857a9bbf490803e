import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import { byStart } from '../../../cli/by-start.ts';
import { ServerCommand } from '../../../cli/server-command.ts';
import { safeText } from '../../../cli/table.ts';

export default class AdminDeviceRevoke extends ServerCommand {
  static override summary = 'End a device or a token of an account at once';
  static override description =
    'It is let in no more, and what it is doing at the server ends. The last device by which anybody could administer the ' +
    'server is not ended.';
  static override examples = [
    '<%= config.bin %> admin device revoke ann 3f9a11c0 --dry-run',
    '<%= config.bin %> admin device revoke ann 3f9a11c0',
  ];
  static override args = {
    user: Args.string({ required: true, description: 'See: neo admin user list.' }),
    device: Args.string({ required: true, description: 'Start of an id; see: neo admin device list USER.' }),
  };
  static override flags = { 'dry-run': Flags.boolean({ char: 'n', summary: 'Only say which it is.' }) };

  async run(): Promise<void> {
    const { args, flags } = await this.parse(AdminDeviceRevoke);
    const dryRun = flags['dry-run'];
    await this.ask(flags, async (client) => {
      const found = await client.call('user-devices', { name: args.user });
      const devices = found.devices.map((each) => ({ ...each, kind: 'device' as const }));
      const tokens = found.tokens.map((each) => ({ ...each, kind: 'token' as const, isThis: false }));
      const left = [...devices, ...tokens].filter(({ revoked }) => revoked === null);
      const { id, name, kind, isThis } = byStart(
        left,
        args.device,
        'device or token',
        `neo admin device list ${args.user}`,
      );
      if (!dryRun) await client.call(`user-${kind}-revoke`, { name: args.user, id });
      const text = `${dryRun ? 'would revoke' : 'revoked'} ${kind} ${id.slice(0, 8)} (${safeText(name)}) of ${args.user}`;
      await this.out.record('summary', { account: args.user, kind, id, name, ...(dryRun ? { dryRun } : {}) }, text);
      if (isThis) this.out.note('that is the one this was said from: neo logout forgets it here too');
    });
  }
}
