import * as Flags from '@oclif/core/flags';
import { ServerCommand } from '../../../cli/server-command.ts';
import { serverKeyJson } from '../../../cli/server-key-lines.ts';

export default class AdminKeyAdd extends ServerCommand {
  static override summary = 'Make one more key by which clients know the server';
  static override description =
    'It waits: clients that connect are told of it, and neo admin key use presents it. The server makes it, and its private ' +
    'part stays there.';
  static override examples = ['<%= config.bin %> admin key add', '<%= config.bin %> admin key add --present'];
  static override flags = { present: Flags.boolean({ summary: 'Present it at once, beside the others.' }) };

  async run(): Promise<void> {
    const { flags } = await this.parse(AdminKeyAdd);
    await this.ask(flags, async (client) => {
      const key = await client.call('key-add', { present: flags.present });
      await this.out.record('summary', serverKeyJson(key), key.fingerprint);
      if (key.state === 'waiting') this.out.note('it waits; once clients have connected: neo admin key use');
    });
  }
}
