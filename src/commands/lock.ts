import * as Flags from '@oclif/core/flags';
import { forgetKeys } from '../cli/agent.ts';
import { PlainCommand } from '../cli/base-command.ts';
import { repositoryFlags } from '../cli/flags.ts';
import { idsAt, resolvePlace } from '../cli/open.ts';

export default class Lock extends PlainCommand {
  static override summary = 'End what unlock began: the key is wiped from memory at once';
  static override description =
    'Commands that are running keep the key that they have. A repository is found by its location, and also by what ' +
    'lies there if it can be reached. With --all every repository is locked, and the agent ends.';
  static override examples = [
    '<%= config.bin %> lock',
    '<%= config.bin %> lock --repo disk',
    '<%= config.bin %> lock --all',
  ];
  static override flags = {
    repo: repositoryFlags.repo,
    all: Flags.boolean({ summary: 'Lock every repository.', exclusive: ['repo'] }),
  };

  async run(): Promise<void> {
    const { flags } = await this.parse(Lock);
    const locked = await forgetKeys(flags.all ? 'all' : await this.#meant(flags));
    for (const { location } of locked) await this.out.line(`locked ${location}`);
    await this.out.object('summary', { locked: locked.length });
    if (locked.length > 0) return;
    this.out.note(flags.all ? 'nothing was unlocked' : 'it was not unlocked; see: neo unlock --status');
  }

  async #meant(flags: { readonly repo?: string | undefined }) {
    // Keys go at once, whether or not storage can be reached.
    const place = await resolvePlace({ ...flags, 'retry-for': '0' }, this.out);
    return { location: place.location.location, repositories: await idsAt(place) };
  }
}
