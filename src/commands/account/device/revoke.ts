import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import { byStart } from '../../../cli/by-start.ts';
import { ServerCommand } from '../../../cli/server-command.ts';
import { safeText } from '../../../cli/table.ts';

export default class AccountDeviceRevoke extends ServerCommand {
  static override summary = 'End a device at once';
  static override description =
    'Its key lets it in no more, and what it is doing at the server ends. What it has read stays with it: if it was ' +
    'stolen, think of the password of the repository too (neo key).';
  static override examples = ['<%= config.bin %> account device revoke 3f9a11c0'];
  static override args = {
    device: Args.string({ required: true, description: 'Start of an id; see: neo account device list.' }),
  };
  static override flags = { 'dry-run': Flags.boolean({ char: 'n', summary: 'Only say which it is.' }) };

  async run(): Promise<void> {
    const { args, flags } = await this.parse(AccountDeviceRevoke);
    const dryRun = flags['dry-run'];
    await this.ask(flags, async (client) => {
      const { devices } = await client.call('devices', {});
      const left = devices.filter(({ revoked }) => revoked === null);
      const { id, name, isThis } = byStart(left, args.device, 'device', 'neo account device list');
      if (!dryRun) await client.call('device-revoke', { id });
      const text = `${dryRun ? 'would revoke' : 'revoked'} device ${id.slice(0, 8)} (${safeText(name)})`;
      await this.out.record('summary', { id, name, ...(dryRun ? { dryRun } : {}) }, text);
      if (isThis) this.out.note('that is the one this was said from: neo logout forgets it here too');
    });
  }
}
