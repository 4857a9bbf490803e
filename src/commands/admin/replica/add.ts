import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import { showFingerprint } from '../../../backends/neo-control.ts';
import { parseNeoHost, showNeoHost } from '../../../backends/neo-location.ts';
import { ServerCommand } from '../../../cli/server-command.ts';
import { parseFingerprint } from '../../../cli/server-trust.ts';

export default class AdminReplicaAdd extends ServerCommand {
  static override summary = 'Send all that there is, and whatever comes, to another server';
  static override description =
    'With the code that `admin replica invite` has said at that server, which must be reached from this server and not from where you ' +
    'are. What comes is sent at once; while the other server is away it waits, over ends and crashes of this one. Neither needs a key.';
  static override examples = [
    '<%= config.bin %> admin replica add munich neo://munich.example --code h2v-8qk-m4t --fingerprint SHA256:47DEQ…',
  ];
  static override args = {
    name: Args.string({ required: true, description: 'What the other server is called here.' }),
    location: Args.string({ required: true, description: 'neo://HOST or neo://HOST:PORT.' }),
  };
  static override flags = {
    code: Flags.string({ required: true, summary: 'What `admin replica invite` has said there.' }),
    fingerprint: Flags.string({
      required: true,
      summary: 'Of the key of that server, as it was said beside the code.',
    }),
  };

  async run(): Promise<void> {
    const { args, flags } = await this.parse(AdminReplicaAdd);
    const { name } = args;
    const location = showNeoHost(parseNeoHost(args.location));
    const fingerprint = showFingerprint(parseFingerprint(flags.fingerprint));
    await this.ask(flags, async (client) => {
      const { site } = await client.call('replica-add', { name, location, fingerprint, code: flags.code });
      await this.out.record('summary', { name, location, site }, `${name}: what there is is being sent to ${location}`);
      this.out.note('neo admin replica list shows how far it is');
    });
  }
}
