/** What every command has: global flags, output, interruption, progress, one treatment of errors. */
import { Command } from '@oclif/core/command';
import type * as Interfaces from '@oclif/core/interfaces';
import { EXIT_CODES, NeoError } from '../core/errors.ts';
import type { EventSink } from '../core/events.ts';
import { globalFlags, type OutputFlags, outputFlags } from './flags.ts';
import { Interrupt } from './interrupt.ts';
import { Output } from './output.ts';
import { ProgressReader } from './progress.ts';
import { judge } from './report.ts';

const EMPTY = 'is a variable in the command not set?';

type Values = { [name: string]: unknown };

/**
 * A command that opens no repository. A command's `run` begins with `const { args, flags } = await this.parse(Name)`;
 * before that, nothing here may be used. Errors are thrown, as NeoError where the cause is known.
 */
export abstract class PlainCommand extends Command {
  static override baseFlags = outputFlags;

  #output: Output | undefined;
  #interrupt: Interrupt | undefined;
  #progress: ProgressReader | undefined;

  /** Standard output, and remarks on standard error. */
  protected get out(): Output {
    this.#output ??= new Output({ json: false, quiet: false });
    return this.#output;
  }

  /**
   * Fires on Ctrl-C, SIGTERM and SIGHUP. Only a command that asks for it is stopped in good order, within the time it
   * takes; all others are ended by the signal itself.
   */
  protected get signal(): AbortSignal {
    this.#interrupt ??= new Interrupt((text) => this.out.note(text));
    return this.#interrupt.signal;
  }

  /** Hand this to long work: it draws the bar, prints warnings, or writes JSON lines. */
  protected get events(): EventSink {
    this.#progress ??= new ProgressReader(this.out);
    return this.#progress.sink;
  }

  /** Takes the bar away, so that results can be printed. Called by itself at the end. */
  protected endProgress(): void {
    this.#progress?.end();
  }

  /** The exit code when the command returns: 3 when some files could not be read. Errors are thrown instead. */
  protected exitWith(code: 0 | 1 | 3): void {
    process.exitCode = code;
  }

  protected override async parse<F extends Values, B extends Values, A extends Values>(
    options?: Interfaces.Input<F, B, A>,
    argv?: string[],
  ): Promise<Interfaces.ParserOutput<F, B, A>> {
    // Otherwise oclif takes what is piped in for a missing argument: a dump for a path.
    for (const arg of Object.values<{ ignoreStdin?: boolean }>(options?.args ?? {})) arg.ignoreStdin = true;
    const parsed = await super.parse(options, argv).catch((error: unknown) => {
      // Only here is it known of which command a value is wrong.
      const verdict = judge(error, this.id?.replaceAll(':', ' '));
      throw 'error' in verdict ? verdict.error : error;
    });
    const flags: { [Name in keyof OutputFlags]?: boolean | undefined } = parsed.flags;
    this.#output = new Output({ json: flags.json === true, quiet: flags.quiet === true });
    refuseEmpty(parsed, argv ?? this.argv);
    return parsed;
  }

  protected override async catch(error: Error): Promise<never> {
    throw error;
  }

  /** What was asked for is done, but the repository went back. */
  #alarm(): void {
    this.out.note('if the repository went back, to go on with it as it is now: --accept-rollback');
    process.exitCode = EXIT_CODES.integrity;
  }

  protected override async finally(error: Error | undefined): Promise<void> {
    this.#interrupt?.release();
    this.#progress?.end();
    if (error === undefined && this.#progress?.alarmed === true) this.#alarm();
    // After a failure the output may be the failure itself.
    await (error === undefined ? this.#output?.flush() : this.#output?.flush().catch(() => undefined));
  }
}

/** `--to "$DIR"` with a variable that is not set must not mean the current folder. @throws NeoError usage */
function refuseEmpty({ flags, argv }: { flags: Values; argv: readonly unknown[] }, typed: readonly string[]): void {
  for (const [name, value] of Object.entries(flags)) {
    if ([value].flat().includes('')) throw new NeoError('usage', `--${name} is empty`, { hint: EMPTY });
  }
  // What follows belongs to another program.
  if (!typed.includes('--') && argv.includes('')) throw new NeoError('usage', 'an argument is empty', { hint: EMPTY });
}

/** A command on a repository: `--repo`, passwords and keys, as in flags.ts. */
export abstract class NeoCommand extends PlainCommand {
  static override baseFlags = globalFlags;
}
