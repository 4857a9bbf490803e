/** The entry: runs the command named by the arguments and turns whatever is thrown into an exit code. */
import { readFile } from 'node:fs/promises';
import { NeoError } from '../core/errors.ts';
import { ownFile } from '../core/program-files.ts';
import { boundHeap } from './heap.ts';
import { judge, judgeUnknown, notFound, report, type Verdict } from './report.ts';

/** @param argv the arguments after the program's name */
export async function main(argv: readonly string[]): Promise<void> {
  process.on('uncaughtException', (error) => end(judge(error, undefined), argv));
  // Node takes a program that waits for nothing any more for one that is done, and says 0.
  const broken = new NeoError('failed', 'it came to an end before it was done', { hint: 'this is an error in neo' });
  const unfinished = (): void => end(judge(broken, undefined), argv);
  process.once('beforeExit', unfinished);
  try {
    if (asksForVersion(argv)) await printVersion();
    else await runCommand(argv);
  } catch (error) {
    end((await unknownWords(error)) ?? judge(error, undefined), argv);
  }
  process.off('beforeExit', unfinished);
}

/** Scripts ask for nothing else as often: it is answered before any command, and what runs commands, is loaded. */
function asksForVersion([first]: readonly string[]): boolean {
  return first === '--version' || first === '-V';
}

async function printVersion(): Promise<void> {
  const { version } = JSON.parse(await readFile(ownFile('package.json'), 'utf8'));
  process.stdout.write(`neo/${version} ${process.platform}-${process.arch} node-${process.version}\n`);
}

async function runCommand(argv: readonly string[]): Promise<void> {
  boundHeap();
  const [{ run }, { settings }] = await Promise.all([import('@oclif/core/run'), import('@oclif/core/settings')]);
  // In a checkout oclif would look for the commands' TypeScript and a compiler when NODE_ENV says test or development.
  settings.enableAutoTranspile = false;
  await run([...argv], import.meta.url);
}

async function unknownWords(error: unknown): Promise<Verdict | undefined> {
  const words = notFound(error);
  if (words === undefined) return undefined;
  const { Config } = await import('@oclif/core/config');
  const config = await Config.load(import.meta.url);
  return judgeUnknown(error, words, {
    command: (id) => config.findCommand(id) !== undefined,
    topic: (id) => config.findTopic(id) !== undefined,
  });
}

/** Arguments before `--`: what follows belongs to another command. */
function ownArguments(argv: readonly string[]): readonly string[] {
  const end = argv.indexOf('--');
  return end === -1 ? argv : argv.slice(0, end);
}

function end(verdict: Verdict, argv: readonly string[]): void {
  const own = ownArguments(argv);
  if ('silent' in verdict) {
    process.exitCode ??= verdict.silent;
  } else {
    const verbose = own.includes('--verbose') || (process.env['NEO_DEBUG'] ?? '') !== '';
    report(verdict.error, { json: own.includes('--json'), verbose, stdout: process.stdout, stderr: process.stderr });
    process.exitCode = verdict.error.exitCode;
  }
  // Work that was under way must not keep a failed process alive; what was written goes out first.
  process.stdout.write('', () => process.stderr.write('', () => process.exit()));
}
