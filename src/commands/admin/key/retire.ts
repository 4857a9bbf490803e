import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import { ServerCommand } from '../../../cli/server-command.ts';
import { NeoError } from '../../../core/errors.ts';

export default class AdminKeyRetire extends ServerCommand {
  static override summary = 'Never present a key of the server again, and remove its private part';
  static override description =
    'Nothing brings it back. Connections that are there stay. Clients that know no other key of the server end with 16 and ' +
    'have to log in anew. The last key that is presented stays.';
  static override examples = [
    '<%= config.bin %> admin key retire SHA256:47DEQ --dry-run',
    '<%= config.bin %> admin key retire SHA256:47DEQ',
  ];
  static override args = {
    key: Args.string({ required: true, description: 'How its fingerprint begins; see: neo admin key list.' }),
  };
  static override flags = { 'dry-run': Flags.boolean({ char: 'n', summary: 'Only say which one would go.' }) };

  async run(): Promise<void> {
    const { args, flags } = await this.parse(AdminKeyRetire);
    const dryRun = flags['dry-run'];
    await this.ask(flags, async (client) => {
      const begin = args.key.startsWith('SHA256:') ? args.key : `SHA256:${args.key}`;
      const { keys } = await client.call('keys', {});
      const [found, ...others] = keys.filter(({ fingerprint }) => fingerprint.startsWith(begin));
      if (found === undefined) throw new NeoError('failed', `the server has no key ${begin}`);
      if (others.length > 0) throw new NeoError('usage', `${others.length + 1} keys begin with ${begin}`);
      const { fingerprint } = found;
      if (!dryRun) await client.call('key-retire', { key: fingerprint });
      const text = `${dryRun ? 'would retire' : 'retired'} ${fingerprint}`;
      await this.out.record('summary', { retired: fingerprint, ...(dryRun ? { dryRun } : {}) }, text);
    });
  }
}
