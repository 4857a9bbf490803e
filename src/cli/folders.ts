/** Where neo keeps its own things for a user: the XDG Base Directory specification 0.8, on every system. */
import { join } from 'node:path';

export type Environment = { readonly [name: string]: string | undefined };

export interface Folders {
  readonly home: string;
  /** Holds the default repository. */
  readonly data: string;
  /** What must not be lost lightly: heads seen of each repository. */
  readonly state: string;
  /** What can be made again. */
  readonly cache: string;
  /** Holds `config.toml`. */
  readonly config: string;
}

/** @param home absolute path of the home folder; from `os.homedir()`, asked for by the command */
export function userFolders(env: Environment, home: string): Folders {
  // The specification: a path that is not absolute is to be ignored.
  const base = (value: string | undefined, fallback: string) =>
    join(value?.startsWith('/') === true ? value : join(home, fallback), 'neo');
  return {
    home,
    data: base(env['XDG_DATA_HOME'], '.local/share'),
    state: base(env['XDG_STATE_HOME'], '.local/state'),
    cache: base(env['XDG_CACHE_HOME'], '.cache'),
    config: base(env['XDG_CONFIG_HOME'], '.config'),
  };
}

/** The repository when none is named. */
export function defaultRepository(folders: Folders): string {
  return join(folders.data, 'repository');
}

/** For programs that neo starts: what they print or keep is not ours to trust with the password. */
export function childEnvironment(env: Environment): { [name: string]: string | undefined } {
  const { NEO_PASSWORD: _, NEO_OTHER_PASSWORD: __, NEO_ACCOUNT_SECRET: ___, NEO_TOKEN: ____, ...rest } = env;
  return rest;
}
