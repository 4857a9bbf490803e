/** Flags of `neo key …` and what they mean: new passwords, whose names differ from those of the one that opens. */
import * as Flags from '@oclif/core/flags';
import { messageOf, NeoError } from '../core/errors.ts';
import { checkKdfBounds, type PasswordKdf } from '../engine/kdf.ts';
import type { Output } from './output.ts';
import { readPassword } from './password.ts';

export const kdfFlag = Flags.string({
  default: 'argon2id',
  helpValue: 'NAME[:A,B,C]',
  summary:
    'How the new password becomes a key: argon2id[:KiB,passes,lanes], or scrypt[:N,r,p] as other systems have it.',
});

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
  kdf: kdfFlag,
};

export interface NewPasswordFlags {
  readonly 'new-password-file'?: string | undefined;
  readonly 'new-password-command'?: string | undefined;
  readonly kdf: string;
}

export interface NewPassword {
  readonly password: Uint8Array;
  readonly kdf: PasswordKdf;
}

/** Asked for twice at a terminal. The password that opens the repository is never taken for it. */
export async function readNewPassword(flags: NewPasswordFlags, out: Output, prompt: string): Promise<NewPassword> {
  const { env } = process;
  const kdf = parseKdf(flags.kdf);
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
  return { password, kdf };
}

/** @throws NeoError usage for an unknown one, and for parameters that no key slot may have */
export function parseKdf(text: string): PasswordKdf {
  const [, name, values] = /^(argon2id|scrypt)(?::(\d{1,12},\d{1,12},\d{1,12}))?$/.exec(text) ?? [];
  const [a = 0, b = 0, c = 0] = values?.split(',').map(Number) ?? [];
  if (name === 'argon2id') {
    return values === undefined ? { name } : checked({ name, parameters: { memory: a, passes: b, lanes: c } });
  }
  if (name === 'scrypt') {
    return values === undefined ? { name } : checked({ name, parameters: { n: a, r: b, p: c } });
  }
  throw new NeoError('usage', `not a key derivation: ${JSON.stringify(text)}`, {
    hint: 'write argon2id, argon2id:65536,3,4, scrypt or scrypt:16384,8,1',
  });
}

function checked(kdf: PasswordKdf): PasswordKdf {
  const salt = new Uint8Array(16);
  try {
    if (kdf.name === 'scrypt' && kdf.parameters) checkKdfBounds({ name: kdf.name, ...kdf.parameters, salt });
    if (kdf.name === 'argon2id' && kdf.parameters) checkKdfBounds({ name: kdf.name, ...kdf.parameters, salt });
  } catch (cause) {
    throw new NeoError('usage', `--kdf: ${messageOf(cause)}`, {
      hint: 'no weaker and no dearer one is written; see docs/format.md, section 4',
      cause,
    });
  }
  return kdf;
}
