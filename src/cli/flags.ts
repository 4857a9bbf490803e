/** The flags that mean the same in every command. */
import * as Flags from '@oclif/core/flags';

const helpGroup = 'GLOBAL';

/** How a command speaks. */
export const outputFlags = {
  json: Flags.boolean({ summary: 'Print one JSON object a line (docs/json.md).', helpGroup }),
  quiet: Flags.boolean({ char: 'q', summary: 'Print results and errors only.', helpGroup }),
  verbose: Flags.boolean({ summary: 'Say more; print where an unexpected error came from.', helpGroup }),
};

/** Which repository, and who opens it. Passwords never stand on the command line: others can read it. */
export const repositoryFlags = {
  repo: Flags.string({
    summary: 'Repository: a location, or a name from the configuration. Also NEO_REPO.',
    helpValue: 'LOCATION',
    helpGroup,
  }),
  'password-file': Flags.string({
    summary: 'Read the password from this file. Also NEO_PASSWORD_FILE.',
    helpValue: 'FILE',
    helpGroup,
  }),
  'password-command': Flags.string({
    summary: 'Run this in the shell and take what it prints as the password. Also NEO_PASSWORD_COMMAND.',
    helpValue: 'COMMAND',
    helpGroup,
    exclusive: ['password-file'],
  }),
  'key-file': Flags.string({ summary: 'Open with this key file. Also NEO_KEY_FILE.', helpValue: 'FILE', helpGroup }),
  'key-slot': Flags.string({ summary: 'Try this key slot only (an id or its start).', helpValue: 'ID', helpGroup }),
  identity: Flags.string({
    summary: 'Open key files and shares that were made for you. Also NEO_IDENTITY.',
    helpValue: 'FILE',
    helpGroup,
  }),
  ssh: Flags.string({
    summary: 'In place of ssh, taken apart by the shell, such as "ssh -F FILE". Also NEO_SSH.',
    helpValue: 'COMMAND',
    helpGroup,
  }),
  'retry-for': Flags.string({
    summary: 'How long to try again when remote storage cannot be reached; 0 for not at all. Default 15m.',
    helpValue: 'TIME',
    helpGroup,
  }),
  'limit-upload': Flags.string({
    summary: 'Send remote storage no more a second: 1M, or by the time of day "500k@08:00-18:00,5M".',
    helpValue: 'SIZE',
    helpGroup,
  }),
  'limit-download': Flags.string({
    summary: 'Fetch no more a second from remote storage.',
    helpValue: 'SIZE',
    helpGroup,
  }),
  'debug-protocol': Flags.boolean({
    summary: 'Print each request to a server of neo, with sizes, on standard error.',
    helpGroup,
  }),
  'accept-rollback': Flags.boolean({
    summary: 'What is gone from the repository, and nobody removed, is not missed any more.',
    helpGroup,
  }),
};

/** How storage is reached, where no repository is opened. */
export const storageFlags = {
  ssh: repositoryFlags.ssh,
  'retry-for': repositoryFlags['retry-for'],
  'limit-upload': repositoryFlags['limit-upload'],
  'limit-download': repositoryFlags['limit-download'],
  'debug-protocol': repositoryFlags['debug-protocol'],
};

export const globalFlags = { ...repositoryFlags, ...outputFlags };

export interface OutputFlags {
  readonly json: boolean;
  readonly quiet: boolean;
  readonly verbose: boolean;
}

export interface RepositoryFlags {
  readonly repo?: string | undefined;
  readonly 'password-file'?: string | undefined;
  readonly 'password-command'?: string | undefined;
  readonly 'key-file'?: string | undefined;
  readonly 'key-slot'?: string | undefined;
  readonly identity?: string | undefined;
  readonly ssh?: string | undefined;
  readonly 'retry-for'?: string | undefined;
  /** Nobody types it: there are other repositories, and one that does not answer for so long, in milliseconds, is given up. */
  readonly 'first-contact'?: number | undefined;
  /** Nobody types it: what is stored goes on to other repositories. */
  readonly 'keep-packs'?: boolean | undefined;
  readonly 'debug-protocol'?: boolean | undefined;
  readonly 'limit-upload'?: string | undefined;
  readonly 'limit-download'?: string | undefined;
  readonly 'accept-rollback'?: boolean | undefined;
}
