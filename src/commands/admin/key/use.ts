import * as Args from '@oclif/core/args';
import { ServerCommand } from '../../../cli/server-command.ts';
import { serverKeyJson } from '../../../cli/server-key-lines.ts';

export default class AdminKeyUse extends ServerCommand {
  static override summary = 'Present a key of the server that has waited';
  static override description = 'Beside those that are presented already: neo admin key retire ends one of them.';
  static override examples = ['<%= config.bin %> admin key use SHA256:47DEQ'];
  static override args = {
    key: Args.string({ required: true, description: 'How its fingerprint begins; see: neo admin key list.' }),
  };
  static override flags = {};

  async run(): Promise<void> {
    const { args, flags } = await this.parse(AdminKeyUse);
    await this.ask(flags, async (client) => {
      const key = await client.call('key-present', { key: args.key });
      await this.out.record('summary', serverKeyJson(key), `presented: ${key.fingerprint}`);
    });
  }
}
