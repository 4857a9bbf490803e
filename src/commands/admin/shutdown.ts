import type { ControlClient } from '../../backends/neo-control.ts';
import { showNeoHost } from '../../backends/neo-location.ts';
import { ServerCommand } from '../../cli/server-command.ts';
import { isNeoError } from '../../core/errors.ts';

export default class AdminShutdown extends ServerCommand {
  static override summary = 'End the server in good order';
  static override description =
    'As SIGTERM does: what was acknowledged is on its disk, and whoever is being answered is cut off and may try again. ' +
    'Whether it is started again is up to what started it.';
  static override examples = ['<%= config.bin %> admin shutdown --server neo://backup.example.org'];
  static override flags = {};

  async run(): Promise<void> {
    const { flags } = await this.parse(AdminShutdown);
    await this.ask(flags, async (client, { host, port }) => {
      await endServer(client);
      const server = showNeoHost({ host, port });
      await this.out.record('summary', { server }, `${server} ends`);
    });
  }
}

/** The answer may be lost with the server: then it is asked whether it is still there. */
async function endServer(client: ControlClient): Promise<void> {
  // Whether there is a server at all is known before.
  await client.call('whoami', {});
  try {
    await client.call('shutdown', {});
  } catch (error) {
    const isLost = isNeoError(error, 'unreachable');
    const isThere =
      !isLost ||
      (await client.hello().then(
        () => true,
        () => false,
      ));
    if (isThere) throw error;
  }
}
