import { userInfo } from 'node:os';
import * as Flags from '@oclif/core/flags';
import { NeoCommand } from '../../cli/base-command.ts';
import { parseExpiry } from '../../cli/expiry.ts';
import { readRecipient } from '../../cli/identity.ts';
import { type NewPasswordFlags, newPasswordFlags, readNewPassword } from '../../cli/key-flags.ts';
import { openFromFlags } from '../../cli/open.ts';
import type { Output } from '../../cli/output.ts';
import { withSecretFile } from '../../cli/secret-file.ts';
import { requireFull } from '../../repo/repository.ts';
import { type Access, prepareKey, publishKey } from '../../tasks/keys.ts';
import { watchRollback } from '../../tasks/rollback.ts';

export default class KeyAdd extends NeoCommand {
  static override summary = 'Add a password or a key file';
  static override description =
    'Without --out: a password, asked for twice, or from NEO_NEW_PASSWORD_COMMAND, NEO_NEW_PASSWORD_FILE or ' +
    'NEO_NEW_PASSWORD. With --out: a key file, which opens the repository by itself (or with a password of its own, ' +
    '--protect); an existing file is never overwritten. A key of role write adds snapshots and can read none, not ' +
    'even its own: give it to machines that might be stolen. Needs a key of role full.';
  static override examples = [
    '<%= config.bin %> key add --label "Ann, at home"',
    '<%= config.bin %> key add --role write --label laptop --out laptop.key',
    '<%= config.bin %> key add --role write --expires 2027-12-31 --out laptop.key --protect',
    '<%= config.bin %> key add --recipient bob.pub --label Bob --out for-bob.key',
  ];
  static override flags = {
    label: Flags.string({ helpValue: 'TEXT', summary: 'What to call it. Default: who made it, and when.' }),
    role: Flags.option({ options: ['full', 'write'] as const, default: 'full', summary: 'What it may do.' })(),
    out: Flags.string({ helpValue: 'FILE', summary: 'Write a key file.' }),
    protect: Flags.boolean({ summary: 'The key file asks for a password.', dependsOn: ['out'] }),
    recipient: Flags.string({
      helpValue: 'FILE',
      summary: 'The key file is for this person alone (neo key identity).',
      dependsOn: ['out'],
      exclusive: ['protect'],
    }),
    expires: Flags.string({ helpValue: 'DATE', summary: 'From the end of that day on it makes no new snapshots.' }),
    ...newPasswordFlags,
  };

  async run(): Promise<void> {
    const { flags } = await this.parse(KeyAdd);
    const { role, out } = flags;
    const { repository, state } = await openFromFlags(flags, this.out);
    await watchRollback(repository, state, this.events);
    requireFull(repository, 'add keys');
    const now = repository.clock.now();
    const expires = await parseExpiry(flags.expires, now);
    const label = flags.label ?? defaultLabel(out === undefined ? 'password' : 'key file', now);
    const prepared = await prepareKey(repository, { label, role, expires }, await accessOf(flags, this.out));
    const publish = (): Promise<void> => publishKey(repository, prepared);
    if (out === undefined || prepared.keyFile === undefined) await publish();
    else await withSecretFile(out, prepared.keyFile, publish);
    const where = out === undefined ? '' : `; its key file is ${out}`;
    const body = { id: prepared.id, label, role, file: out };
    await this.out.record('summary', body, `added key ${prepared.id.slice(0, 8)} (${label}), role ${role}${where}`);
  }
}

type AccessFlags = NewPasswordFlags & {
  readonly out?: string | undefined;
  readonly protect: boolean;
  readonly recipient?: string | undefined;
};

async function accessOf(flags: AccessFlags, out: Output): Promise<Access> {
  if (flags.out === undefined)
    return { method: 'password', password: await readNewPassword(flags, out, 'New password') };
  if (flags.recipient !== undefined) {
    return { method: 'key', recipient: (await readRecipient(flags.recipient)).kemPublic };
  }
  if (!flags.protect) return { method: 'key' };
  return { method: 'key', protect: await readNewPassword(flags, out, 'Password for the key file') };
}

function defaultLabel(what: string, now: number): string {
  return `${what} by ${userInfo().username}, ${new Date(now).toISOString().slice(0, 10)}`;
}
