import { setTimeout as sleep } from 'node:timers/promises';
import * as Flags from '@oclif/core/flags';
import type { ControlClient } from '../../backends/neo-control.ts';
import { auditJson, auditLine } from '../../cli/account-lines.ts';
import { ServerCommand } from '../../cli/server-command.ts';

const POLL_MS = 1_000;

export default class AdminLog extends ServerCommand {
  static override summary = 'Show who changed what at the server, the oldest first';
  static override description =
    'Logins, and all that accounts, devices, tokens, grants and targets were changed by; what is done inside of ' +
    'repositories is not there. With --follow it goes on with what comes, until Ctrl-C.';
  static override examples = [
    '<%= config.bin %> admin log',
    '<%= config.bin %> admin log --follow',
    '<%= config.bin %> admin log --json',
  ];
  static override flags = { follow: Flags.boolean({ char: 'f', summary: 'Wait for more, until Ctrl-C.' }) };

  async run(): Promise<void> {
    const { flags } = await this.parse(AdminLog);
    await this.ask(flags, async (client) => {
      let { entries, last } = await this.#print(client, 0);
      while (flags.follow && !this.signal.aborted) {
        await this.out.flush();
        await sleep(POLL_MS, undefined, { signal: this.signal }).catch(() => undefined);
        if (this.signal.aborted) break;
        const more = await this.#print(client, last);
        entries += more.entries;
        last = more.last;
      }
      await this.out.object('summary', { entries });
    });
  }

  /** All that there is after an entry, page by page. */
  async #print(client: ControlClient, after: number): Promise<{ entries: number; last: number }> {
    let entries = 0;
    let last = after;
    for (;;) {
      const page = (await client.call('audit', { after: last })).entries;
      if (page.length === 0) return { entries, last };
      for (const entry of page) await this.out.record('entry', auditJson(entry), auditLine(entry));
      entries += page.length;
      last = page.at(-1)?.seq ?? last;
    }
  }
}
