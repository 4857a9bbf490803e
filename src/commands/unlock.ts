import * as Flags from '@oclif/core/flags';
import { holdKey, LONGEST_LIFETIME, listHeld } from '../cli/agent.ts';
import { HELD_COLUMNS, heldBody, heldRow } from '../cli/agent-report.ts';
import { NeoCommand } from '../cli/base-command.ts';
import { openAfresh } from '../cli/open.ts';
import { NeoError } from '../core/errors.ts';
import { formatTime, parseDuration } from '../core/format.ts';
import { watchRollback } from '../tasks/rollback.ts';

export default class Unlock extends NeoCommand {
  static override summary = 'Ask for the password once, and keep the key in memory for a while';
  static override description =
    'Later commands on the repository ask nothing and start faster, until the time is up or `neo lock` is said. An ' +
    'agent, a process of yours, holds the key in memory, and gives it to whoever can open its socket: you, and root. ' +
    'A key file, or a password from a flag or NEO_PASSWORD…, is used before the key that the agent holds.';
  static override examples = [
    '<%= config.bin %> unlock',
    '<%= config.bin %> unlock --for 8h --repo disk',
    '<%= config.bin %> unlock --status',
  ];
  static override flags = {
    for: Flags.string({
      helpValue: 'TIME',
      default: '1h',
      summary: 'How long, such as 30m or 8h; a day at most.',
      exclusive: ['status'],
    }),
    status: Flags.boolean({ summary: 'Only list what is unlocked, and until when.' }),
  };

  async run(): Promise<void> {
    const { flags } = await this.parse(Unlock);
    if (flags.status) return this.#status();
    const lifetime = parseDuration(flags.for);
    if (lifetime > LONGEST_LIFETIME) {
      throw new NeoError('usage', `--for ${flags.for} is more than a day`, { hint: 'for longer, use a key file' });
    }
    const { repository, state, location } = await openAfresh(flags, this.out);
    await watchRollback(repository, state, this.events);
    const held = await holdKey(repository, location.location, lifetime, (text) => this.out.note(text));
    const until = formatTime(new Date(held.expires));
    await this.out.record('summary', heldBody(held), `unlocked ${held.location} until ${until}`);
  }

  async #status(): Promise<void> {
    const held = await listHeld();
    await this.out.table(HELD_COLUMNS, held.map(heldRow));
    for (const key of held) await this.out.object('unlocked', heldBody(key));
    await this.out.object('summary', { unlocked: held.length });
    if (held.length === 0) this.out.note('nothing is unlocked');
  }
}
