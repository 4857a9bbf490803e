import * as Flags from '@oclif/core/flags';
import type { ControlClient } from '../../../backends/neo-control.ts';
import { askLine, isAtTerminal } from '../../../cli/confirm.ts';
import { ServerCommand } from '../../../cli/server-command.ts';
import { safeText } from '../../../cli/table.ts';

export default class AccountSecondFactorEnrol extends ServerCommand {
  static override summary = 'Ask for a code of an app at each login';
  static override description =
    'The app reads the QR code, or takes the secret below it. A code of the app confirms that it has it: asked for at a ' +
    'terminal, elsewhere given in a second call with --confirm; from then on neo login by the secret of the account ' +
    'needs one (--second). Ten recovery codes are shown once, for when the app is lost; each works once. Devices that ' +
    'are logged in stay so.';
  static override examples = [
    '<%= config.bin %> account 2fa enrol',
    '<%= config.bin %> account 2fa enrol --confirm 123456',
  ];
  static override flags = {
    confirm: Flags.string({ helpValue: 'CODE', summary: 'The code that the app shows, after a first call.' }),
  };

  async run(): Promise<void> {
    const { flags } = await this.parse(AccountSecondFactorEnrol);
    await this.ask(flags, async (client) => {
      const second = flags.confirm ?? (await this.#begin(client));
      if (second === undefined) return;
      const { recovery } = await client.call('second-confirm', { second });
      await this.out.record('summary', { confirmed: true, recovery }, recovery.map(safeText).join('\n'));
      this.out.note('logins need a code of the app from now on, or one of these, each once: keep them in a safe place');
    });
  }

  /** The code that somebody at a terminal types. */
  async #begin(client: ControlClient): Promise<string | undefined> {
    const { secret, uri } = await client.call('second-start', {});
    const { renderUnicodeCompact } = await import('uqr');
    await this.out.object('factor', { secret, uri });
    await this.out.line(renderUnicodeCompact(uri, { border: 2 }));
    await this.out.line(`secret  ${safeText(secret)}\n${safeText(uri)}`);
    await this.out.flush();
    if (isAtTerminal()) return askLine('Code that the app shows: ', this.signal);
    await this.out.object('summary', { confirmed: false });
    this.out.note('nothing has changed yet: neo account 2fa enrol --confirm CODE, with the code that the app shows');
    return undefined;
  }
}
