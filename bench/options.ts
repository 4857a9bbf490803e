/** The flags of `npm run bench`. */
import { existsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { OPERATIONS, type Operation, SCENES, type SceneName } from './operations.ts';
import { RIVALS } from './tools.ts';

export interface Options {
  readonly help: boolean;
  readonly quick: boolean;
  readonly operations: ReadonlySet<Operation>;
  readonly scenes: readonly SceneName[];
  readonly rivals: readonly string[];
  readonly rounds: number;
  readonly format: 'text' | 'markdown' | 'json';
  readonly corpora: { readonly folder: string; readonly own: boolean };
  readonly place: string;
}

/** Its message is one line for the user. */
export class UsageError extends Error {}

export const HELP = `npm run bench -- [FLAGS]: neo against the rivals on the PATH, in turns; needs \`npm run build\` before.

  --quick          Smaller corpora, one round: within 3 minutes.
  --only OP,…      ${wrapped(Object.keys(OPERATIONS))}
  --corpus NAME,…  ${wrapped(Object.keys(SCENES))}
  --rivals NAME,…  Only these of ${RIVALS.join(', ')}; ratios need restic.
  --rounds N       How often all is measured (3; with --quick 1).
  --corpora DIR    Use the corpora in this folder as they are; else they are made, once, in ${join(tmpdir(), 'neo-bench')}.
  --place DIR      Where repositories and restored files go (/dev/shm, if it exists). Best a tmpfs.
  --markdown       The tables of docs/performance.md.
  --json           One JSON document, with every single measurement.
  --help           This.
`;

function wrapped(names: readonly string[]): string {
  return names.join(', ').replace(/^(.{60,}?, )/, `$1\n${' '.repeat(19)}`);
}

/** @throws UsageError */
export function parseOptions(argv: readonly string[]): Options {
  const values = parsed(argv);
  if (values.markdown && values.json) throw new UsageError('--markdown and --json exclude each other');
  const rounds = values.rounds ?? (values.quick ? '1' : '3');
  if (!/^[1-9]\d{0,2}$/.test(rounds)) throw new UsageError(`--rounds ${rounds}: a number from 1 to 999`);
  return {
    help: values.help,
    quick: values.quick,
    operations: new Set(listed('--only', values.only, Object.keys(OPERATIONS) as Operation[])),
    scenes: listed('--corpus', values.corpus, Object.keys(SCENES) as SceneName[]),
    rivals: listed('--rivals', values.rivals, RIVALS),
    rounds: Number(rounds),
    format: values.json ? 'json' : values.markdown ? 'markdown' : 'text',
    corpora: {
      folder: values.corpora ?? join(tmpdir(), 'neo-bench', values.quick ? 'quick' : 'full'),
      own: values.corpora === undefined,
    },
    place: values.place ?? (existsSync('/dev/shm') ? '/dev/shm' : tmpdir()),
  };
}

function parsed(argv: readonly string[]) {
  const flag = { type: 'boolean', default: false } as const;
  const text = { type: 'string' } as const;
  const options = {
    help: { ...flag, short: 'h' },
    quick: flag,
    markdown: flag,
    json: flag,
    only: text,
    corpus: text,
    rivals: text,
    rounds: text,
    corpora: text,
    place: text,
  } as const;
  try {
    return parseArgs({ args: [...argv], options }).values;
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message.replaceAll('\n', ' ') : String(error));
  }
}

function listed<T extends string>(flag: string, value: string | undefined, known: readonly T[]): T[] {
  if (value === undefined) return [...known];
  const names = value.split(',').map((name) => name.trim());
  for (const name of names) {
    if (!known.includes(name as T)) throw new UsageError(`${flag} ${name}: there is ${known.join(', ')}`);
  }
  return known.filter((name) => names.includes(name));
}
