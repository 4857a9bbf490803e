/** A second repository in one command: to copy to, to heal from. */
import * as Flags from '@oclif/core/flags';
import type { RepositoryFlags } from './flags.ts';
import type { Environment } from './folders.ts';
import { type Opened, openFromFlags } from './open.ts';
import type { Output } from './output.ts';

const helpGroup = 'OTHER REPOSITORY';

export const otherFlags = {
  'other-password-file': Flags.string({
    summary: 'Read the password of the other repository from this file. Also NEO_OTHER_PASSWORD_FILE.',
    helpValue: 'FILE',
    helpGroup,
  }),
  'other-password-command': Flags.string({
    summary: 'Run this for the password of the other repository. Also NEO_OTHER_PASSWORD_COMMAND.',
    helpValue: 'COMMAND',
    helpGroup,
    exclusive: ['other-password-file'],
  }),
  'other-key-file': Flags.string({
    summary: 'Open the other repository with this key file. Also NEO_OTHER_KEY_FILE.',
    helpValue: 'FILE',
    helpGroup,
  }),
};

export interface OtherFlags extends RepositoryFlags {
  readonly 'other-password-file'?: string | undefined;
  readonly 'other-password-command'?: string | undefined;
  readonly 'other-key-file'?: string | undefined;
}

const VARIABLES = ['PASSWORD', 'PASSWORD_FILE', 'PASSWORD_COMMAND', 'KEY_FILE'] as const;

/**
 * With what the flags and variables say of the other one; where they say nothing, with the same password as the first.
 * @throws NeoError no-repository, wrong-password, usage, …
 */
export async function openOther(location: string, flags: OtherFlags, out: Output): Promise<Opened> {
  const own = {
    'password-file': flags['other-password-file'],
    'password-command': flags['other-password-command'],
    'key-file': flags['other-key-file'],
  };
  const isToldOf =
    Object.values(own).some((value) => value !== undefined) ||
    VARIABLES.some((name) => (process.env[`NEO_OTHER_${name}`] ?? '') !== '');
  const same = { 'password-file': flags['password-file'], 'password-command': flags['password-command'] };
  const reached = {
    ssh: flags.ssh,
    'retry-for': flags['retry-for'],
    'first-contact': flags['first-contact'],
    'limit-upload': flags['limit-upload'],
    'limit-download': flags['limit-download'],
  };
  return openFromFlags({ repo: location, ...reached, ...(isToldOf ? own : same) }, out, {
    env: isToldOf ? otherEnvironment(process.env) : withoutKeyFile(process.env),
    prompt: `Password of ${location}`,
  });
}

function otherEnvironment(env: Environment): Environment {
  const other: Record<string, string | undefined> = { ...env };
  for (const name of VARIABLES) other[`NEO_${name}`] = env[`NEO_OTHER_${name}`];
  return other;
}

/** A key file opens one repository. */
function withoutKeyFile(env: Environment): Environment {
  return { ...env, NEO_KEY_FILE: undefined };
}
