import * as Flags from '@oclif/core/flags';
import { NeoCommand } from '../../cli/base-command.ts';
import { openFromFlags } from '../../cli/open.ts';
import { formatCounted } from '../../core/format.ts';
import { watchRollback } from '../../tasks/rollback.ts';
import { rotateKeys } from '../../tasks/rotate.ts';

export default class KeyRotate extends NeoCommand {
  static override summary = 'Seal what comes from now on to new keys';
  static override description =
    'For when a key of role full may be in wrong hands, or somebody leaves. Makes a new sealing pair and a new signing ' +
    'pair, and renews every key that stays: passwords, key files and recovery keys open everything as before. A key ' +
    'that is dropped opens what was there, if its holder kept a copy, and nothing that comes. Nothing is stored anew, ' +
    'and new snapshots go on sharing what is stored. Expired keys are not renewed. With --content what is new from now on ' +
    'is stored under new content secrets, too: who has the old ones cannot even test whether it is a file that he knows. ' +
    'It shares nothing with what is stored; `neo rewrite --rekey` moves that over.';
  static override examples = [
    '<%= config.bin %> key rotate --drop "Bob, at work" --dry-run',
    '<%= config.bin %> key rotate --drop 3f2a9c01',
    '<%= config.bin %> key rotate',
    '<%= config.bin %> key rotate --drop "stolen laptop" --content',
  ];
  static override flags = {
    drop: Flags.string({
      multiple: true,
      multipleNonGreedy: true,
      helpValue: 'KEY',
      summary: 'Leave this key out, and remove it: its label, or an id or its start.',
    }),
    content: Flags.boolean({ summary: 'New content secrets, too: for when a key has leaked.' }),
    'dry-run': Flags.boolean({ char: 'n', summary: 'Only say which keys would be renewed.' }),
  };

  async run(): Promise<void> {
    const { flags } = await this.parse(KeyRotate);
    const dryRun = flags['dry-run'];
    const { repository, state } = await openFromFlags(flags, this.out);
    await watchRollback(repository, state, this.events);
    const { content } = flags;
    const summary = await rotateKeys(repository, { drop: flags.drop ?? [], dryRun, content });
    const { epoch, contentEpoch, ...groups } = summary;
    for (const what of ['renewed', 'dropped', 'expired'] as const) {
      for (const { id, label, role } of groups[what]) {
        await this.out.record(
          'key',
          { id, label, role, what },
          `${what.padEnd(8)} ${id.slice(0, 8)} (${label}), role ${role}`,
        );
      }
    }
    const counts = { renewed: groups.renewed.length, dropped: groups.dropped.length, expired: groups.expired.length };
    const text = `epoch ${epoch}: ${formatCounted(counts.renewed, 'key')} ${dryRun ? 'would be ' : ''}renewed`;
    await this.out.record('summary', { epoch, contentEpoch, ...counts, dryRun }, text);
    if (!dryRun && content) this.out.note('what is stored already is moved over with: neo rewrite --rekey');
    if (!dryRun && counts.dropped > 0) {
      this.out.note(
        'who had a dropped key can still read what was saved until now: take his access to the storage, too',
      );
    }
  }
}
