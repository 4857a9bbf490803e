/** A question that a person answers; scripts are not asked. */
import { createInterface } from 'node:readline/promises';
import { NeoError } from '../core/errors.ts';

/** Somebody sees a question and can answer it. */
export function isAtTerminal(): boolean {
  return process.stdin.isTTY && process.stderr.isTTY;
}

/** What somebody types, without spaces around it. */
export async function askLine(question: string, signal: AbortSignal): Promise<string> {
  const lines = createInterface({ input: process.stdin, output: process.stderr });
  try {
    return (await lines.question(question, { signal })).trim();
  } finally {
    lines.close();
  }
}

/** True without asking where nobody sits at a terminal. */
export async function confirmed(question: string, signal: AbortSignal): Promise<boolean> {
  return !isAtTerminal() || /^y(es)?$/i.test(await askLine(`${question} [y/N] `, signal));
}

/**
 * Before data are destroyed that nothing brings back, and nobody has said --yes.
 * @throws NeoError when it is not meant
 */
export async function requireMeant(question: string, signal: AbortSignal): Promise<void> {
  if (!isAtTerminal()) {
    throw new NeoError('usage', 'nothing was done: this destroys data, and nobody is there to be asked', {
      hint: '--yes, if it is meant',
    });
  }
  if (!(await confirmed(question, signal))) throw new NeoError('failed', 'nothing was done');
}
