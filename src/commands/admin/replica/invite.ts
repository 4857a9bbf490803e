import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import { showFingerprint } from '../../../backends/neo-control.ts';
import { showNeoHost } from '../../../backends/neo-location.ts';
import { ServerCommand } from '../../../cli/server-command.ts';
import { formatTime } from '../../../core/format.ts';

export default class AdminReplicaInvite extends ServerCommand {
  static override summary = 'Let another server store here what it has';
  static override description =
    'The second line is what its administrator types there. It stores objects in accounts and targets of the same names, which are ' +
    'made where there are none, and reads nothing; of what it removes as much goes as this server lets go in a day. Whoever is to use ' +
    'a copy here is let in by `admin user invite`. For a server that was let in before, and was set up anew or brought back from a ' +
    'backup, this is another code, and what its ledger was before counts no longer.';
  static override examples = [
    '<%= config.bin %> admin replica invite berlin',
    '<%= config.bin %> admin replica invite berlin --all-accounts',
  ];
  static override args = {
    name: Args.string({ required: true, description: 'What the other server is called here; an account of its own.' }),
  };
  static override flags = {
    'all-accounts': Flags.boolean({
      summary: 'Accounts of one name are the same people at both: it stores in those that were made here, too.',
    }),
  };

  async run(): Promise<void> {
    const { args, flags } = await this.parse(AdminReplicaInvite);
    const { name } = args;
    const reachesAll = flags['all-accounts'] === true;
    await this.ask(flags, async (client, { host, port }, trust) => {
      const { code, until } = await client.call('replica-invite', { name, reachesAll });
      const server = showNeoHost({ host, port });
      const fingerprint = showFingerprint(trust.fingerprint);
      const command = `neo admin replica add NAME ${server} --code ${code} --fingerprint ${fingerprint}`;
      const body = { name, reachesAll, code, until: new Date(until).toISOString(), server, fingerprint, command };
      await this.out.record('summary', body, `${code}\n${command}`);
      this.out.note(`the code lets one server in, once, until ${formatTime(new Date(until))}`);
    });
  }
}
