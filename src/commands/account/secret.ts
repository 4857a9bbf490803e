import { setAccountSecret } from '../../cli/account-secret.ts';
import { ServerCommand } from '../../cli/server-command.ts';
import { systemSurroundings } from '../../cli/surroundings.ts';

export default class AccountSecret extends ServerCommand {
  static override summary = 'Set the secret of the account, or change it';
  static override description =
    'With it neo login lets a device in from anywhere, without a code. The server never sees it, only what is derived of ' +
    'it. It is asked for twice, or read from NEO_ACCOUNT_NEW_SECRET; the one that holds is asked for, or read from ' +
    'NEO_ACCOUNT_SECRET, which may be the new one where there is none yet. Tokens, and codes that nobody has used, end ' +
    'with this; devices stay. It is not the password of a repository.';
  static override examples = [
    '<%= config.bin %> account secret',
    'NEO_ACCOUNT_SECRET=… NEO_ACCOUNT_NEW_SECRET=… <%= config.bin %> account secret',
  ];
  static override flags = {};

  async run(): Promise<void> {
    const { flags } = await this.parse(AccountSecret);
    await this.askPinned(flags, async (client, { fingerprint }) => {
      const { account } = await client.call('whoami', {});
      const { engine } = await systemSurroundings();
      const { signal } = this;
      const warn = (message: string): void => this.out.warn(message);
      const how = await setAccountSecret(client, account.name, fingerprint, { engine, env: process.env, warn, signal });
      const text =
        how === 'set' ? `${account.name} has a secret now` : `the secret of ${account.name} is another one now`;
      await this.out.record('summary', { account: account.name, changed: how === 'changed' }, text);
      this.out.note('tokens, and codes that nobody has used, have ended');
    });
  }
}
