import { ServerCommand } from '../../../cli/server-command.ts';
import { serverKeyJson } from '../../../cli/server-key-lines.ts';

export default class AdminKeyRotate extends ServerCommand {
  static override summary = 'Make a new key of the server and present it, beside those that are to go';
  static override description =
    'Clients learn it when they connect. When all have done so once, retire the others with neo admin key retire: whoever ' +
    'has not connected by then does not know the server any more, and has to log in anew.';
  static override examples = ['<%= config.bin %> admin key rotate'];
  static override flags = {};

  async run(): Promise<void> {
    const { flags } = await this.parse(AdminKeyRotate);
    await this.ask(flags, async (client) => {
      const { keys } = await client.call('keys', {});
      const key = await client.call('key-add', { present: true });
      const before = keys.filter(({ state }) => state === 'presented').map(({ fingerprint }) => fingerprint);
      await this.out.record('summary', { ...serverKeyJson(key), before }, key.fingerprint);
      for (const each of before) this.out.note(`once all clients have connected: neo admin key retire ${each}`);
    });
  }
}
