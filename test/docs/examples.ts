/**
 * The examples of the documentation. A fenced block is run by its language: `sh` is a script that must succeed; of
 * `console` the lines after `$ ` are run (`> ` continues one), and the lines between are what they print, `…` standing for
 * anything; `toml` is the configuration from there on; `json` must be JSON. `text` is no example: layouts, pictures. What
 * cannot be run says why behind its language: `sh not-run: installs from the registry (test/house/install.test.ts)`.
 */

export interface Block {
  readonly language: string;
  /** Why it is not run; undefined for all others. */
  readonly notRun: string | undefined;
  readonly line: number;
  readonly text: string;
}

/** Fence, info string and text of a block; a longer fence may hold shorter ones (CommonMark 0.31, section 4.5). */
const FENCED = /^ {0,3}(`{3,}|~{3,})([^`\n]*)\n([\s\S]*?)^ {0,3}\1[`~]*[ \t]*$/gm;

/** @throws Error when a fence is not closed */
export function fencedBlocks(page: string): Block[] {
  const open = /^ {0,3}(?:`{3,}|~{3,})/m.exec(proseOf(page));
  if (open !== null) throw new Error(`a block is not closed: ${proseOf(page).slice(open.index, open.index + 80)}`);
  return [...page.matchAll(FENCED)].map(({ index, 2: info = '', 3: text = '' }) =>
    blockOf(info.trim(), page.slice(0, index).split('\n').length, text.replace(/\n$/, '')),
  );
}

/** The page without its fenced blocks. */
export function proseOf(page: string): string {
  return page.replaceAll(FENCED, '');
}

function blockOf(info: string, line: number, text: string): Block {
  const [, language = '', reason] = /^(\S*)(?:\s+not-run:(.*))?/.exec(info) ?? [];
  return { language, notRun: reason?.trim(), line, text };
}

export interface Step {
  readonly line: number;
  readonly script: string;
  /** Undefined: whatever it prints. */
  readonly expected: string | undefined;
}

/** What is to be run of a block, in order. @throws Error for a `console` block that does not begin with a command */
export function stepsOf({ language, notRun, text, line }: Block): Step[] {
  if (notRun !== undefined) return [];
  if (language === 'sh') return [{ line, script: text, expected: undefined }];
  if (language === 'toml') {
    return [
      { line, script: `mkdir -p ~/.config/neo; cat > ~/.config/neo/config.toml <<'TOML'\n${text}\nTOML`, expected: '' },
    ];
  }
  return language === 'console' ? consoleSteps(text, line) : [];
}

function consoleSteps(text: string, line: number): Step[] {
  const steps: { line: number; script: string; printed: string[] }[] = [];
  for (const [index, shown] of text.split('\n').entries()) {
    const last = steps.at(-1);
    if (shown.startsWith('$ ')) steps.push({ line: line + 1 + index, script: shown.slice(2), printed: [] });
    else if (last === undefined) throw new Error(`line ${line}: a console block begins with a command`);
    else if (shown.startsWith('> ') && last.printed.length === 0) last.script += `\n${shown.slice(2)}`;
    else last.printed.push(shown);
  }
  return steps.map(({ printed, ...step }) => ({ ...step, expected: printed.join('\n') }));
}

/** Does the output look as shown? A line `…` is any number of lines, `…` in a line any text; spaces at the end are free. */
export function looksAs(expected: string, output: string): boolean {
  const pattern = expected
    .trimEnd()
    .split('\n')
    .map((line) => (line === '…' ? '(?:[^\\n]*\\n)*?' : `${line.split('…').map(escaped).join('[^\\n]*')}[ \\t]*\\n`))
    .join('');
  return new RegExp(`^${expected.trim() === '' ? '' : pattern}$`).test(`${output.trimEnd()}\n`.replace(/^\n$/, ''));
}

function escaped(text: string): string {
  return text.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&').replaceAll(/ {2,}/g, ' +');
}
