/** Flags of `neo key …` and what they mean: new passwords, whose names differ from those of the one that opens. */
import * as Flags from '@oclif/core/flags';
import type { Output } from './output.ts';
import { readPassword } from './password.ts';

/** How a new password is given without a terminal. Never on the command line: others can read it. */
export const newPasswordFlags = {
  'new-password-file': Flags.string({
    summary: 'Read the new password from this file. Also NEO_NEW_PASSWORD_FILE.',
    helpValue: 'FILE',
  }),
  'new-password-command': Flags.string({
    summary: 'Run this in the shell and take what it prints as the new password. Also NEO_NEW_PASSWORD_COMMAND.',
    helpValue: 'COMMAND',
    exclusive: ['new-password-file'],
  }),
  kdf: Flags.option({
    options: ['argon2id', 'scrypt'] as const,
    default: 'argon2id' as const,
    summary: 'How the new password becomes a key; scrypt only where Argon2id cannot be had.',
  })(),
};

export interface NewPasswordFlags {
  readonly 'new-password-file'?: string | undefined;
  readonly 'new-password-command'?: string | undefined;
  readonly kdf: 'argon2id' | 'scrypt';
}

export interface NewPassword {
  readonly password: Uint8Array;
  readonly kdf: { readonly name: 'argon2id' | 'scrypt' };
}

/** Asked for twice at a terminal. The password that opens the repository is never taken for it. */
export async function readNewPassword(flags: NewPasswordFlags, out: Output, prompt: string): Promise<NewPassword> {
  const { env } = process;
  const password = await readPassword({
    flags: {
      'password-file': flags['new-password-file'],
      'password-command': flags['new-password-command'],
    },
    env: {
      NEO_PASSWORD: env['NEO_NEW_PASSWORD'],
      NEO_PASSWORD_FILE: env['NEO_NEW_PASSWORD_FILE'],
      NEO_PASSWORD_COMMAND: env['NEO_NEW_PASSWORD_COMMAND'],
    },
    isNew: true,
    prompt,
    hint:
      'set NEO_NEW_PASSWORD_COMMAND, NEO_NEW_PASSWORD_FILE or NEO_NEW_PASSWORD, ' +
      'or use --new-password-file or --new-password-command',
    warn: (message) => out.warn(message),
  });
  return { password, kdf: { name: flags.kdf } };
}
