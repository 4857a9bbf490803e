import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import { NeoCommand } from '../../cli/base-command.ts';
import { openFromFlags } from '../../cli/open.ts';
import { parseWhen } from '../../cli/when.ts';
import { formatCounted } from '../../core/format.ts';
import { type RevokeSummary, revokeKey } from '../../tasks/revoke.ts';

export default class KeyRevoke extends NeoCommand {
  static override summary = 'Believe a write-only key no more: it was lost, or its machine was broken into';
  static override description =
    'Its slot is removed, and what it makes from now on counts no more, however it gets into the repository: it is no ' +
    'latest snapshot, fills no place that a rule keeps, and nothing rests on it. With --accept-until that holds also ' +
    'for what it made after that time. What does not count is still there, and can be restored by its id: ' +
    '`neo snapshots --revoked` lists it, `neo forget --revoked` removes it.';
  static override examples = [
    '<%= config.bin %> key revoke laptop',
    '<%= config.bin %> key revoke laptop --accept-until "3 days ago" --dry-run',
    '<%= config.bin %> key revoke 3f2a9c01 --undo',
  ];
  static override args = { key: Args.string({ required: true, description: 'Label, or an id or its start.' }) };
  static override flags = {
    'accept-until': Flags.string({
      helpValue: 'TIME',
      summary: 'Only what storage received until then still counts; without it all that is there.',
      exclusive: ['undo'],
    }),
    undo: Flags.boolean({ summary: 'Believe it again. A slot that was removed does not come back.' }),
    'dry-run': Flags.boolean({ char: 'n', summary: 'Only say which snapshots would count, and which not.' }),
  };

  async run(): Promise<void> {
    const { args, flags } = await this.parse(KeyRevoke);
    const acceptUntil = flags['accept-until'];
    const until = acceptUntil === undefined ? undefined : (await parseWhen(acceptUntil, new Date())).getTime();
    const { repository, state } = await openFromFlags(flags, this.out);
    const { undo } = flags;
    const dryRun = flags['dry-run'];
    const options = { key: args.key, undo, dryRun, ...(until === undefined ? {} : { acceptUntil: until }) };
    const summary = await revokeKey(repository, state, options, this.events);
    const { id, label, accepted, rejected, slotRemoved } = summary;
    const body = {
      id,
      label,
      revoked: !undo,
      accepted: accepted.map(({ name }) => name),
      rejected: rejected.map(({ name }) => name),
      slotRemoved,
      ...(dryRun ? { dryRun } : {}),
    };
    await this.out.record('summary', body, textOf(summary, { undo, dryRun }));
    if (!undo && rejected.length > 0)
      this.out.note('see them: neo snapshots --revoked; to remove them: neo forget --revoked');
  }
}

function textOf(
  { id, label, accepted, rejected }: RevokeSummary,
  { undo, dryRun }: { readonly undo: boolean; readonly dryRun: boolean },
): string {
  const name = label === undefined ? id.slice(0, 8) : `${id.slice(0, 8)} (${label})`;
  const verb = undo ? ['believe', 'believed again:'] : ['revoke', 'revoked'];
  const counted = `${formatCounted(accepted.length, 'snapshot')} of it count, ${rejected.length} do not`;
  return `${dryRun ? `would ${verb[0]}` : verb[1]} key ${name}: ${counted}`;
}
