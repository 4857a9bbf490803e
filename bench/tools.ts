/** neo and its rivals: how each is told to do the same. */
import { join } from 'node:path';
import { type Command, findProgram } from './measure.ts';

/** Folders and files of one contestant, all in a folder of its own. */
export interface Place {
  /** Empty at first; caches stay in it, as they would for a user. */
  readonly home: string;
  readonly repository: string;
  /** Where its key file is to lie. */
  readonly key: string;
}

export interface Calls {
  readonly init: readonly Command[];
  readonly version: Command;
  /** Opens the repository and does nothing else: what its password costs. */
  readonly open?: Command;
  readonly snapshot: (name: string, path: string) => Command;
  /** The snapshot called `first`, which is the latest of its content. */
  readonly restore: (target: string) => Command;
  /** The same over what was restored before, where that is another call. */
  readonly restoreOver?: (target: string) => Command;
  readonly ls: Command;
  readonly check: Command;
  readonly 'check-data': Command;
  readonly snapshots: Command;
}

export interface Tool {
  readonly name: string;
  readonly program: string;
  /** Without it there is no benchmark; others are left out once they fail. */
  readonly needed: boolean;
  readonly calls: (place: Place) => Calls;
}

export const NEO = 'neo';
export const NEO_PASSWORD = 'neo, password';
export const RESTIC = 'restic';

const PASSWORD = 'correct horse battery staple';
const LAUNCHER = join(import.meta.dirname, '..', 'bin', 'neo.cjs');

/** The Node that runs this runs neo, too: not the launcher's choice, which may start a second process. */
function neo(name: string, withKeyFile: boolean): Tool {
  return {
    name,
    program: process.execPath,
    needed: true,
    calls: ({ home, repository, key }) => {
      const asking = { HOME: home, NEO_PASSWORD: PASSWORD };
      const env = withKeyFile ? { HOME: home, NEO_KEY_FILE: key } : asking;
      const call = (args: readonly string[], own: Command['env'] = env): Command => ({
        argv: [process.execPath, LAUNCHER, ...args],
        env: own,
      });
      const at = ['--repo', repository];
      return {
        init: [call(['init', '-q', ...at], asking), call(['key', 'export', '-q', ...at, '--out', key], asking)],
        version: call(['--version']),
        snapshot: (_, path) => call(['snapshot', '-q', ...at, path]),
        restore: (target) => call(['restore', '-q', ...at, 'latest', '--to', target]),
        ls: call(['ls', '-q', '-r', ...at, 'latest']),
        check: call(['check', '-q', ...at]),
        'check-data': call(['check', '-q', '--read-data', ...at]),
        snapshots: call(['snapshots', ...at]),
      };
    },
  };
}

function restic(program: string): Tool {
  return {
    name: RESTIC,
    program,
    needed: true,
    calls: ({ home, repository }) => {
      const env = { HOME: home, RESTIC_PASSWORD: PASSWORD };
      const call = (...args: readonly string[]): Command => ({ argv: [program, '-q', '-r', repository, ...args], env });
      return {
        init: [call('init')],
        version: { argv: [program, 'version'], env },
        open: call('cat', 'config'),
        snapshot: (_, path) => call('backup', path),
        restore: (target) => call('restore', 'latest', '--target', target),
        // It writes all files anew, and then complains of each symlink that it is there already.
        restoreOver: (target) => ({ ...call('restore', 'latest', '--target', target), accepts: 1 }),
        ls: call('ls', 'latest'),
        check: call('check'),
        'check-data': call('check', '--read-data'),
        snapshots: call('snapshots'),
      };
    },
  };
}

/** With zstd of neo's level; its own default is lz4. */
function borg(program: string): Tool {
  return {
    name: 'borg',
    program,
    needed: false,
    calls: ({ home, repository }) => {
      const env = { HOME: home, BORG_PASSPHRASE: PASSWORD };
      const call = (...args: readonly string[]): Command => ({ argv: [program, ...args], env });
      return {
        init: [call('init', '--encryption', 'repokey-blake2', repository)],
        version: call('--version'),
        snapshot: (name, path) => call('create', '--compression', 'zstd,3', `${repository}::${name}`, path),
        restore: (target) => ({ ...call('extract', `${repository}::first`), cwd: target }),
        ls: call('list', `${repository}::first`),
        check: call('check', repository),
        'check-data': call('check', '--verify-data', repository),
        snapshots: call('list', repository),
      };
    },
  };
}

function rustic(program: string): Tool {
  return {
    name: 'rustic',
    program,
    needed: false,
    calls: ({ home, repository }) => {
      const env = { HOME: home, RUSTIC_REPOSITORY: repository, RUSTIC_PASSWORD: PASSWORD, RUSTIC_NO_PROGRESS: 'true' };
      const call = (...args: readonly string[]): Command => ({ argv: [program, ...args], env });
      return {
        init: [call('init')],
        version: call('--version'),
        snapshot: (_, path) => call('backup', path),
        restore: (target) => call('restore', 'latest', target),
        ls: call('ls', 'latest'),
        check: call('check'),
        'check-data': call('check', '--read-data'),
        snapshots: call('snapshots'),
      };
    },
  };
}

const MAKERS: Readonly<Record<string, (program: string) => Tool>> = { [RESTIC]: restic, borg, rustic };
export const RIVALS = Object.keys(MAKERS);

/** neo, with key file and with password, and those of the rivals that are on the PATH. */
export function findTools(rivals: readonly string[]): Tool[] {
  const found = rivals.flatMap((name) => {
    const program = findProgram(name);
    const make = MAKERS[name];
    return program === undefined || make === undefined ? [] : [make(program)];
  });
  return [neo(NEO, true), neo(NEO_PASSWORD, false), ...found];
}
